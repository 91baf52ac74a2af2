/** The dialogs: how to stop a run, whether to cancel one or delete something, and the token. */

import { byId, setText } from "../dom.js";
import { duration } from "../format.js";
import { hasBegun } from "../progress.js";

/** Ask how to stop a run. Resolves with "save", "discard", or null to keep it running. */
export function askHowToStop({ state, on_stop: onStop }, progress) {
  const dialog = byId("stop-dialog");
  const isStopping = state === "stopping";
  const saves = onStop?.saves && (isStopping || hasBegun(progress));
  byId("stop-save").hidden = isStopping; // It is saving already.
  byId("stop-discard").hidden = !saves; // Without anything to save, all stops are the same.
  setText(byId("stop-not"), isStopping ? "Wait" : "Keep training");
  setText(byId("stop-save"), saves ? "Stop and save" : "Stop");
  setText(byId("stop-question"), isStopping ? "This run is already stopping" : "Stop this run?");
  setText(
    byId("stop-about"),
    isStopping
      ? "It is saving its work. You can wait, or stop it at once and lose what it has not saved."
      : aboutStop(onStop, saves),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
  });
}

/** Take back the question whether to "stop" or "cancel" a run, as if it were answered with no. */
export function stopAsking(what) {
  byId(`${what}-dialog`).close("");
}

/** What a stop does. `onStop` is null for a run that does not say. */
function aboutStop(onStop, saves) {
  if (saves) {
    const model = onStop.exports ? " and exports its best model so far" : "";
    return `Stop and save ends the run after the current batch. It keeps a checkpoint to resume from${model}.`;
  }
  if (onStop?.saves) return "The training has not begun yet, so there is nothing to save.";
  const { signal = "a signal", grace_s = NaN } = onStop ?? {};
  const grace = Number.isFinite(grace_s) ? ` After ${duration(grace_s)} the service kills it.` : "";
  return `The program gets ${signal}. Whether it saves its work depends on the program.${grace}`;
}

/** Ask whether to delete; `about` says what goes. Resolves with "trash" if that is offered, "delete", or null. */
export function askToDelete(question, about, canTrash = false) {
  const dialog = byId("delete-dialog");
  byId("delete-softly").hidden = !canTrash;
  setText(byId("delete-question"), question);
  setText(byId("delete-about"), about);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
  });
}

/** Ask whether to take a run out of the queue; `about` says what that does. Resolves with true or false. */
export function askToCancel(about) {
  const dialog = byId("cancel-dialog");
  setText(byId("cancel-about"), about);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "cancel"), { once: true });
  });
}

/** Ask for the token until one is entered, and resolve with it. */
export function askToken(wasWrong) {
  const dialog = byId("token-dialog");
  const input = byId("token");
  byId("token-wrong").hidden = !wasWrong;
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => {
      const token = input.value.trim();
      if (token === "") {
        dialog.showModal();
        return;
      }
      dialog.removeEventListener("close", closed);
      resolve(token);
    };
    dialog.addEventListener("close", closed);
  });
}
