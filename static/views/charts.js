/** A chart for each group of metrics that the run has logged. */
import { byId, whenChanged } from "../dom.js";
import { aligned, axisOf, groups } from "../series.js";
import { Chart } from "./chart.js";

const charts = new Map();
let theme = null;

/** Draw the charts; `isDark` because a canvas does not follow the style sheet. */
export const renderCharts = whenChanged(
  (state) => [state.metrics, isDark()],
  ({ metrics }) => {
    const isAnew = theme !== isDark();
    theme = isDark();
    const found = groups(metrics);
    byId("no-charts").hidden = found.length > 0;
    const kept = new Set(found.map(([title]) => title));
    for (const [title, chart] of charts) {
      if (!kept.has(title)) {
        chart.remove();
        charts.delete(title);
      }
    }
    const place = byId("charts");
    found.forEach(([title, names], i) => {
      if (!charts.has(title)) charts.set(title, new Chart(title));
      const chart = charts.get(title);
      if (place.children[i] !== chart.element) place.insertBefore(chart.element, place.children[i] ?? null);
      chart.show(axisOf(metrics), names, aligned(metrics, names), isAnew);
    });
  },
);

function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
