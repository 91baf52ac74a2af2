/** The questions that the page asks: what to do with the work on a stop, whether to delete a run, and the token. */
import { byId, setText } from "../dom.js";

/** Ask how to stop; resolves with "save", "discard", or null to go on. */
export function askHowToStop(isStopping) {
  const dialog = byId("stop-dialog");
  byId("stop-save").hidden = isStopping; // It is saving already.
  setText(byId("stop-question"), isStopping ? "The training is already stopping." : "Stop this training?");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue || null), { once: true });
  });
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
