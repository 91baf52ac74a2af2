/** The charts of the run. */
import { createCharts } from "../charts/charts.js";
import { byId, setText, whenChanged } from "../dom.js";
import { hasEnded, isOfCommand } from "../state.js";
import { sentences } from "../unread.js";

/** `save(runs)` saves the metrics of runs as a file. */
export function createChartsView({ save }) {
  let charts = null;
  return whenChanged(
    (state) => [state.metrics, state.unread, state.run?.run_id, hasEnded(state.run)],
    ({ run, metrics, unread }) => {
      charts ??= createCharts(byId("charts"), { save });
      const gaps = sentences(unread);
      byId("unread").hidden = gaps === "";
      setText(byId("unread"), gaps);
      byId("no-charts").hidden = metrics.count > 0 || gaps !== "";
      // Only our own trainer is sure to log metrics.
      const expected = isOfCommand(run) ? "No metrics yet." : "Charts appear with the first metrics.";
      setText(byId("no-charts"), hasEnded(run) ? "No metrics logged." : expected);
      charts.show(run === null ? [] : [{ id: run.run_id, metrics }]);
    },
  );
}
