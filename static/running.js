/** Start a run, let it wait in the queue, and stop it. */
import { askHowToStop } from "./views/dialogs.js";

/** `started()` is called once a run has started or waits. */
export function createRunning({ api, getState, dispatch, started }) {
  /** Resolves with the service's answer, or null if it refused. */
  async function post(of, path, body) {
    dispatch({ type: "requested", of });
    try {
      const answer = await api.post(path, body);
      dispatch({ type: "granted", of });
      return answer;
    } catch (error) {
      if (error.problem === undefined) throw error;
      dispatch({ type: "denied", of, problem: error.problem });
      return null;
    }
  }

  async function start(request) {
    const answer = await post("start", "training/start", request);
    if (answer === null) return;
    started();
    if (answer.status === "queued") dispatch({ type: "queueMessage", text: queuedText(answer) });
  }

  const again = () => start({ ...requestOf(getState().run.request), queue: true });

  async function stop() {
    const { run, progress } = getState();
    const mode = await askHowToStop(run, progress);
    if (mode !== null) await post("stop", "training/stop?wait=0", { run_id: run.run_id, mode });
  }

  return { start, again, stop };
}

const queuedText = ({ run_id, position }) =>
  `Run ${run_id} is queued${position === null ? "" : ` at position ${position}`}.`;

/** A run's request as the person made it: the service added the folders that the dataset stands for. */
function requestOf({ train_data_dir, val_data_dir, test_data_dir, ...request }) {
  return request.dataset ? request : { ...request, train_data_dir, val_data_dir, test_data_dir };
}
