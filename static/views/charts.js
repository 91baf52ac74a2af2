/** The charts of the run that is followed. */
import { createCharts } from "../charts/charts.js";
import { byId, setText, whenChanged } from "../dom.js";
import { isActive } from "../state.js";

/** `save(runs)` saves their metrics as a file. */
export function createChartsView({ save }) {
  let charts = null;
  return whenChanged(
    (state) => [state.metrics, state.run?.run_id, stepsPerEpoch(state), isActive(state.run)],
    (state) => {
      charts ??= createCharts(byId("charts"), { save });
      byId("no-charts").hidden = state.metrics.count > 0;
      const { run, metrics } = state;
      setText(byId("no-charts"), isActive(run) ? "The curves appear with the first metrics." : "No metrics were logged.");
      charts.show(run === null ? [] : [{ id: run.run_id, metrics, stepsPerEpoch: stepsPerEpoch(state) }]);
    },
  );
}

function stepsPerEpoch({ progress }) {
  const steps = Math.round(progress?.total_steps / progress?.max_epochs);
  return Number.isFinite(steps) && steps > 0 ? steps : null;
}
