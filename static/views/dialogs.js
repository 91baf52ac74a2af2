/** The questions that the page asks: what to do with the work on a stop, whether to delete a run, and the token. */
import { byId, setText } from "../dom.js";
import { duration } from "../format.js";
import { hasBegun } from "../progress.js";

/** Ask how to stop a run; resolves with "save", "discard", or null to keep it running. */
export function askHowToStop({ state, on_stop: onStop }, progress) {
  const dialog = byId("stop-dialog");
  const isStopping = state === "stopping";
  const saves = onStop?.saves && (isStopping || hasBegun(progress));
  byId("stop-save").hidden = isStopping; // It is saving already.
  byId("stop-discard").hidden = !saves; // Where nothing is saved, all stops are the same.
  setText(byId("stop-not"), isStopping ? "Wait" : "Keep training");
  setText(byId("stop-save"), saves ? "Stop and save" : "Stop");
  setText(byId("stop-question"), isStopping ? "This run is already stopping" : "Stop this run?");
  setText(
    byId("stop-about"),
    isStopping ? "It is saving its work. Without that it ends at once." : aboutStop(onStop, saves),
  );
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
  });
}

/** What a stop of a run does: `onStop` is null for a run that does not say. */
function aboutStop(onStop, saves) {
  if (saves) {
    const model = onStop.exports ? " and exports its best model so far" : "";
    return `Saving ends the run after the current batch. It keeps a checkpoint to resume from${model}.`;
  }
  if (onStop?.saves) return "The training has not begun, so there is nothing to save yet.";
  const { signal = "a signal", grace_s = NaN } = onStop ?? {};
  const grace = Number.isFinite(grace_s) ? ` After ${duration(grace_s)} the service kills what is left.` : "";
  return `The program gets ${signal}. Whether it saves its work depends on the program.${grace}`;
}

/** Ask whether a run may be deleted, `about` saying what goes with it; resolves with true or false. */
export function askWhetherToDelete(about) {
  const dialog = byId("delete-dialog");
  setText(byId("delete-about"), about);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "delete"), { once: true });
  });
}

/** Ask for the token; resolves with what was entered. There is no way around it. */
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
