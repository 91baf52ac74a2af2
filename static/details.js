/** What REST knows of the run that is followed, beside the news of the socket: its files, experiment and report. */
import { isAway } from "./api.js";
import { REPORT_FILE, showReport } from "./views/report.js";

export const pathOfRunInRest = (runId) => `training/runs/${encodeURIComponent(runId)}`;

/** `gone(runId)` is called when the run has been deleted, `refused(problem)` when the service says no otherwise. */
export function createDetails({ api, getState, dispatch, gone, refused }) {
  let reported = null;

  /** Ask again: files grow while a run runs, and anybody may delete it. */
  async function refresh() {
    const { run } = getState();
    if (run === null) return;
    const path = pathOfRunInRest(run.run_id);
    try {
      const detail = await api.get(path);
      dispatch({ type: "described", detail });
      await refreshReport(path, detail);
    } catch (error) {
      if (error.problem === undefined) throw error;
      if (error.problem.code === 404) gone(run.run_id);
      else if (!isAway(error.problem)) refused(error.problem);
    }
  }

  async function refreshReport(path, { run_id, artifacts }) {
    const file = artifacts.find((artifact) => artifact.path === REPORT_FILE);
    const wanted = file && `${run_id} ${file.modified_at}`;
    if (wanted === reported) return;
    const report = file ? await api.get(`${path}/report`) : null;
    if (getState().run?.run_id !== run_id) return;
    reported = wanted;
    showReport(report, (image) => api.image(`${path}/artifacts/${image}`));
  }

  /** Show nothing of the former run. */
  function clear() {
    reported = null;
    showReport(null);
  }

  return { refresh, clear };
}
