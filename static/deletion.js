/** Delete the shown run, after a question. */
import { bytes } from "./format.js";
import { isOfCommand } from "./state.js";
import { askToDelete } from "./views/dialogs.js";

/** `attempt(action)` resolves with whether the service did it. `deleted(run, isInTrash)` is called if it did. */
export function createDeletion({ api, getState, attempt, deleted }) {
  return async () => {
    const { run, detail } = getState();
    const isForeign = isOfCommand(run) || run.state === "unknown";
    const what = isForeign ? "everything that its program wrote, its metrics" : "its model, checkpoints, metrics";
    const size = detail.size_bytes === null ? "" : ` (${bytes(detail.size_bytes)})`;
    const about = `This deletes run ${run.run_id} with ${what} and log${size}. You can restore it from the trash for a day.`;
    const how = await askToDelete("Delete this run?", about, true);
    if (how === null) return;
    const path = `training/models/${encodeURIComponent(run.run_id)}${how === "trash" ? "?trash=1" : ""}`;
    if (await attempt(() => api.delete(path))) deleted(run, how === "trash");
  };
}
