/** The list of all runs, and the trash below it. */
import { pathOfRun, pathOfRuns } from "../router.js";
import { RunsTable } from "./table.js";
import { Trash } from "./trash.js";

export function createView({ api, attempt, go }) {
  const table = new RunsTable({
    async fetchPage({ page: _, ...query }, offset, limit) {
      let page = null;
      const parameters = Object.entries({ ...query, offset, limit, best: 1 }).filter(([, value]) => value !== "");
      await attempt(async () => {
        page = await api.list(`training/metrics/runs?${new URLSearchParams(parameters)}`);
      });
      return page;
    },
    replace: (query) => history.replaceState(history.state, "", pathOfRuns(query)),
  });
  const trash = new Trash({ api, attempt, restored: (runId) => go(pathOfRun(runId)) });
  return {
    open: ({ query }) => Promise.all([table.open(query), trash.refresh()]),
    refresh: () => Promise.all([table.refresh(), trash.refresh()]),
    offerUndo: (run) => trash.offerUndo(run),
  };
}
