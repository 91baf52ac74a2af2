/** The log of the run. */
import { byId, setText, whenChanged } from "../dom.js";
import { createLog } from "../log/view.js";
import { hasEnded } from "../state.js";

/** `get(path)` asks REST, `download(path)` saves a file, and `pathOf(runId)` is a run's path in REST. */
export function createLogView({ get, download, pathOf }) {
  let [view, path] = [null, null];
  const parts = {
    load: (offset, limit, fromLine) => get(`${path}/log?offset=${offset}&limit=${limit}&from_line=${Number(fromLine)}`),
    search: (text, offset) => get(`${path}/log/search?text=${encodeURIComponent(text)}&offset=${offset}`),
    download: () => download(`${path}/artifacts/train.log`),
  };
  return whenChanged(
    (state) => [state.log, state.run?.run_id, hasEnded(state.run)],
    ({ log, run }) => {
      byId("no-log").hidden = log.nextOffset > 0;
      setText(byId("no-log"), hasEnded(run) ? "No output." : "The program's output appears here.");
      byId("log-view").hidden = log.nextOffset === 0;
      if (run === null) return;
      path = pathOf(run.run_id);
      view ??= createLog(byId("log-view"), parts);
      view.render(log);
    },
  );
}
