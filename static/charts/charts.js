/**
 * The charts of one run or of several: one for each group of metrics, with one axis, zoom and cursor for all.
 *
 * `createCharts(place, {save})` fills an element and returns {show(runs), remove()}. `runs` are {id, metrics,
 * stepsPerEpoch}, and {label, index} too where several are compared. Show them as often as there is something new.
 */
import { make } from "../dom.js";
import { groups } from "../series.js";
import { axesOf } from "./axis.js";
import { Chart } from "./chart.js";
import { createControls, readOptions } from "./controls.js";
import { Axes, Line, keyOf, looksOf } from "./lines.js";
import { createPalette, watchTheme } from "./palette.js";
import { within } from "./view.js";

let numCharts = 0;

/** `save(runs)` saves the metrics of these runs as a file: of their rows some may be left out here, or yet to come. */
export function createCharts(place, { save }) {
  const charts = new Map();
  const lines = new Map();
  const hidden = new Set();
  const options = readOptions();
  const palette = createPalette(place);
  const syncKey = `charts-${(numCharts += 1)}`;
  let [axes, runs, view, extent, isScheduled] = [new Axes(), [], null, extentOf([]), false];

  const controls = createControls(options, { changed, reset: () => look(null), save: () => save(runs) });
  const grid = make("div", { className: "charts" });
  place.replaceChildren(controls.element, grid);
  const unwatch = watchTheme(() => {
    palette.forget();
    schedule();
  });

  function changed({ axis }) {
    if (axis !== changed.axis) view = null; // It was a stretch of the other axis.
    changed.axis = axis;
    schedule();
  }

  function look(wanted) {
    view = wanted;
    schedule();
  }

  const range = () => ({ view: view ?? extent, extent, isWhole: view === null });

  function toggle(key, keysBeside, isAlone) {
    const isOnlyOne = isAlone && keysBeside.every((each) => hidden.has(each) === (each !== key));
    if (isAlone) for (const each of keysBeside) hidden[each === key || isOnlyOne ? "delete" : "add"](each);
    else hidden[hidden.has(key) ? "delete" : "add"](key);
    schedule();
  }

  function schedule() {
    if (isScheduled) return;
    isScheduled = true;
    requestAnimationFrame(() => {
      isScheduled = false;
      draw();
    });
  }

  function show(shown) {
    const isAnother = shown.map(({ id }) => id).join("\n") !== runs.map(({ id }) => id).join("\n");
    if (isAnother) forgetOthers(shown);
    runs = shown;
    draw();
  }

  /** Nothing of a run that is shown no longer is kept; another run alone begins with all of it in view. */
  function forgetOthers(shown) {
    const ids = new Set(shown.map(({ id }) => id));
    for (const [key, { runId }] of lines) if (!ids.has(runId)) lines.delete(key);
    if (!runs.some(({ id }) => ids.has(id))) {
      view = null;
      axes = new Axes();
      hidden.clear();
    }
  }

  function draw() {
    const found = groups(runs.map(({ metrics }) => metrics));
    const kinds = axesOf(runs);
    const axis = kinds.includes(options.axis) ? options.axis : kinds[0];
    const drawn = found.map(([title, names]) => [title, linesOf(names, axis)]);
    extent = extentOf(drawn.flatMap(([, each]) => each).filter(({ key }) => !hidden.has(key)));
    view = view && within(view, extent);
    controls.element.hidden = found.length === 0;
    controls.show({ axes: kinds, axis, isWhole: view === null });
    keepCharts(drawn.map(([title]) => title));
    const { smoothing, scale } = options;
    const common = { ...range(), hidden, axis, smoothing, isLog: scale === "log" };
    for (const [title, each] of drawn) charts.get(title).show({ ...common, lines: each });
  }

  function linesOf(names, axis) {
    return runs.flatMap((run) => {
      const own = names.filter((name) => run.metrics.columns.has(name));
      const looks = looksOf(run, own);
      return own.map((name, i) => lineOf(run, name, looks[i], axis));
    });
  }

  function lineOf(run, name, look, axis) {
    const key = keyOf(run, name);
    if (!lines.has(key)) lines.set(key, new Line(run, name));
    const line = Object.assign(lines.get(key), look);
    line.update(axes.of(run, axis), run.metrics);
    return line;
  }

  /** A chart for each title, in this order. */
  function keepCharts(titles) {
    for (const [title, chart] of charts) {
      if (titles.includes(title)) continue;
      chart.remove();
      charts.delete(title);
    }
    titles.forEach((title, i) => {
      if (!charts.has(title)) charts.set(title, new Chart(title, palette, syncKey, { range, viewed: look, toggled: toggle, resized: schedule }));
      const { element } = charts.get(title);
      if (grid.children[i] !== element) grid.insertBefore(element, grid.children[i] ?? null);
    });
  }

  function remove() {
    unwatch();
    for (const chart of charts.values()) chart.remove();
    place.replaceChildren();
  }

  return { show, remove };
}

/** From the first point to the last of all lines; some width even around a single one. */
function extentOf(lines) {
  const ends = lines.flatMap(({ points: { xs } }) => (xs.length ? [xs[0], xs.at(-1)] : []));
  if (ends.length === 0) return { min: 0, max: 1 };
  const [min, max] = [Math.min(...ends), Math.max(...ends)];
  return min < max ? { min, max } : { min: min - 0.5, max: max + 0.5 };
}
