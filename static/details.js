/** What REST knows about the run that the page shows, beyond the socket's events: its files, experiment and report. */
import { isUnreachable, pathOfRunInRest } from "./api.js";
import { onDemand } from "./ondemand.js";

const REPORT_FILE = "report.json";

/** `deleted(runId)` is called when the run is gone, `refused(problem)` when the service refuses otherwise. */
export function createDetails({ api, getState, dispatch, deleted, refused }) {
  const report = onDemand(() => import("./report/report.js"));
  /** The run and the time of the report that is shown; undefined for none. */
  let shownReport;

  /** Ask again: a run writes files while it runs, and anybody may delete it. */
  async function refresh() {
    const { run } = getState();
    if (run === null) return;
    const path = pathOfRunInRest(run.run_id);
    try {
      const detail = await api.get(path);
      dispatch({ type: "detail", detail });
      await refreshReport(path, detail);
    } catch (error) {
      if (error.problem === undefined) throw error;
      if (error.problem.code === 404) deleted(run.run_id);
      else if (!isUnreachable(error.problem)) refused(error.problem);
    }
  }

  async function refreshReport(path, { run_id, artifacts }) {
    const file = artifacts.find((artifact) => artifact.path === REPORT_FILE);
    const version = file && `${run_id} ${file.modified_at}`;
    if (version === shownReport) return;
    const [{ showReport }, content] = await Promise.all([report.get(), file ? api.get(`${path}/report`) : null]);
    if (getState().run?.run_id !== run_id) return;
    shownReport = version;
    showReport(content, (image) => api.image(`${path}/artifacts/${image}`));
  }

  /** Remove the report of the former run. */
  function clear() {
    shownReport = undefined;
    report.created?.showReport(null);
  }

  return { refresh, clear };
}
