/** Take a run out of the queue, after a question. */
import { runName } from "./format.js";
import { isQueued } from "./state.js";
import { askToCancel, stopAsking } from "./views/dialogs.js";

/** `refused(problem)` is called when the service refuses, and `cancelled()` after every attempt. */
export function createCancelling({ api, getState, dispatch, refused, cancelled }) {
  let askedAbout = null;

  async function ask(run) {
    const name = runName(run);
    askedAbout = run.run_id;
    const about = `${name} (${run.run_id}) leaves the queue and does not start. It stays in the list of runs as stopped.`;
    const isSure = await askToCancel(about);
    askedAbout = null;
    if (isSure) await cancel(run.run_id, name);
  }

  async function cancel(run_id, name) {
    try {
      await api.delete(`training/queue/${encodeURIComponent(run_id)}?limit=1`);
      dispatch({ type: "queueMessage", text: `${name} is cancelled.` });
    } catch (error) {
      if (error.problem === undefined) throw error;
      refused(error.problem);
    }
    cancelled();
  }

  /** Take the question back once the run has left the queue without us: it began, or somebody else cancelled it. */
  function changed(state, before) {
    if (askedAbout === null || !isWaiting(askedAbout, before) || isWaiting(askedAbout, state)) return;
    stopAsking("cancel");
    if (getState().view.name !== "run")
      dispatch({ type: "queueMessage", text: `Run ${askedAbout} is no longer queued.` });
  }

  return { ask, changed };
}

/** Whether a run waits, as far as the page shows it. */
const isWaiting = (runId, { queue, run }) =>
  queue?.runs.some(({ run_id }) => run_id === runId) || (run?.run_id === runId && isQueued(run));
