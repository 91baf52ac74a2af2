/** The charts of the run that is followed. */
import { createCharts } from "../charts/charts.js";
import { byId, setText, whenChanged } from "../dom.js";
import { isActive } from "../state.js";

/** `save(runs)` saves their metrics as a file. */
export function createChartsView({ save }) {
  let charts = null;
  return whenChanged(
    (state) => [state.metrics, state.run?.run_id, isActive(state.run)],
    ({ run, metrics }) => {
      charts ??= createCharts(byId("charts"), { save });
      byId("no-charts").hidden = metrics.count > 0;
      setText(byId("no-charts"), isActive(run) ? "Charts appear with the first metrics." : "No metrics were logged.");
      charts.show(run === null ? [] : [{ id: run.run_id, metrics }]);
    },
  );
}
