/** The charts of the run that is followed. */
import { createCharts } from "../charts/charts.js";
import { byId, setText, whenChanged } from "../dom.js";
import { isActive } from "../state.js";
import { sentences } from "../unread.js";

/** `save(runs)` saves their metrics as a file. */
export function createChartsView({ save }) {
  let charts = null;
  return whenChanged(
    (state) => [state.metrics, state.unread, state.run?.run_id, isActive(state.run)],
    ({ run, metrics, unread }) => {
      charts ??= createCharts(byId("charts"), { save });
      const leftOut = sentences(unread);
      byId("unread").hidden = leftOut === "";
      setText(byId("unread"), leftOut);
      byId("no-charts").hidden = metrics.count > 0 || leftOut !== "";
      setText(byId("no-charts"), isActive(run) ? "Charts appear with the first metrics." : "No metrics were logged.");
      charts.show(run === null ? [] : [{ id: run.run_id, metrics }]);
    },
  );
}
