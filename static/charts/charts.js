/**
 * The charts of one or several runs: a chart for each group of metrics, with a common axis, zoom and cursor.
 *
 * `createCharts(container, {save})` fills an element and returns {show(runs), remove()}. `runs` are {id, metrics}, in a
 * comparison with {label, index}. Call `show` for all that is new: only the charts in view are drawn.
 */
import { make, setText } from "../dom.js";
import { count } from "../format.js";
import { groups } from "../series.js";
import { Chart } from "./chart.js";
import { createControls, readOptions } from "./controls.js";
import { axesOf, keyOf, Line, positionsOf, stylesOf } from "./lines.js";
import { createPalette, watchTheme } from "./palette.js";
import { within } from "./view.js";

/** The number of charts drawn before we know which ones are in view, so that nothing moves when the page opens. */
const NUM_AT_ONCE = 6;
/** Charts beyond this number are shown on request. */
const NUM_FIRST = 24;
const NEAR_VIEW = "50% 0px";

let numCharts = 0;

/** `save(runs)` saves the metrics of runs as a file. The rows here may be downsampled or not complete yet. */
export function createCharts(container, { save }) {
  const charts = new Map();
  const inView = new Set();
  const lines = new Map();
  const hidden = new Set();
  const options = readOptions();
  const palette = createPalette(container);
  numCharts += 1;
  const syncKey = `charts-${numCharts}`;
  let [runs, view, extent, filter, isWhole, isScheduled] = [[], null, { min: 0, max: 1 }, "", false, false];

  const controls = createControls(options, { changed, reset: () => zoom(null), filtered, save: () => save(runs) });
  const grid = make("div", { className: "charts" });
  const none = make("p", { className: "empty", text: "No matching charts.", hidden: true });
  const more = make("button", { type: "button", className: "small", hidden: true });
  more.addEventListener("click", () => {
    isWhole = !isWhole;
    schedule();
  });
  container.replaceChildren(controls.element, grid, none, more);
  const observer = new IntersectionObserver(scrolled, { rootMargin: NEAR_VIEW });
  const unwatch = watchTheme(() => {
    palette.forget();
    schedule();
  });

  function scrolled(entries) {
    for (const { target, isIntersecting } of entries) {
      const chart = [...charts.values()].find(({ element }) => element === target);
      inView[isIntersecting ? "add" : "delete"](target);
      if (!isIntersecting) chart?.release();
    }
    schedule();
  }

  function changed({ axis }) {
    if (axis !== changed.axis) view = null; // It was a range of the other axis.
    changed.axis = axis;
    schedule();
  }

  function filtered(text) {
    filter = text.trim().toLowerCase();
    schedule();
  }

  function zoom(range) {
    view = range;
    schedule();
  }

  const range = () => ({ view: view ?? extent, extent, isWhole: view === null });

  function toggle(key, keys, isAlone) {
    const isOnlyOne = isAlone && keys.every((each) => hidden.has(each) === (each !== key));
    if (isAlone) for (const each of keys) hidden[each === key || isOnlyOne ? "delete" : "add"](each);
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
    const idsOf = (list) => list.map(({ id }) => id).join("\n");
    if (idsOf(shown) !== idsOf(runs)) dropOthers(shown);
    runs = shown;
    draw();
  }

  /** Drop the lines of runs that are no longer shown. If none of the runs stays, also the zoom and the hidden lines. */
  function dropOthers(shown) {
    const ids = new Set(shown.map(({ id }) => id));
    for (const [key, { runId }] of lines) if (!ids.has(runId)) lines.delete(key);
    if (!runs.some(({ id }) => ids.has(id))) {
      view = null;
      hidden.clear();
    }
  }

  function draw() {
    const all = groups(runs.map(({ metrics }) => metrics));
    const found = all.filter(([title, names]) => [title, ...names].some((name) => name.toLowerCase().includes(filter)));
    const shown = new Map(isWhole ? found : found.slice(0, NUM_FIRST));
    const axes = axesOf(runs);
    const axis = axes.includes(options.axis) ? options.axis : axes[0];
    extent = extentOf(runs, axis);
    view = view && within(view, extent);
    controls.show({ axes, axis, isWhole: view === null, hasFilter: all.length > NUM_AT_ONCE });
    controls.element.hidden = all.length === 0;
    none.hidden = all.length === 0 || found.length > 0;
    more.hidden = found.length <= NUM_FIRST;
    setText(more, isWhole ? `Show only the first ${NUM_FIRST} charts` : `Show all ${count(found.length)} charts`);
    arrange([...shown.keys()]);
    const common = { ...range(), hidden, axis, smoothing: options.smoothing, isLog: options.scale === "log" };
    for (const [title, chart] of charts)
      if (inView.has(chart.element)) chart.show({ ...common, lines: linesOf(shown.get(title), axis) });
  }

  function linesOf(names, axis) {
    return runs.flatMap((run) => {
      const own = names.filter((name) => run.metrics.columns.has(name));
      const styles = stylesOf(run, own);
      return own.map((name, i) => lineOf(run, name, styles[i], axis));
    });
  }

  function lineOf(run, name, style, axis) {
    const key = keyOf(run, name);
    if (!lines.has(key)) lines.set(key, new Line(run, name));
    const line = Object.assign(lines.get(key), style);
    line.update(axis, run.metrics);
    return line;
  }

  /** Have one chart for each title, in this order. */
  function arrange(titles) {
    for (const [title, chart] of charts) if (!titles.includes(title)) drop(title, chart);
    titles.forEach((title, i) => {
      if (!charts.has(title)) add(title);
      const { element } = charts.get(title);
      if (grid.children[i] !== element) grid.insertBefore(element, grid.children[i] ?? null);
    });
  }

  function add(title) {
    const chart = new Chart(title, palette, syncKey, { range, zoomed: zoom, toggled: toggle, resized: schedule });
    if (charts.size < NUM_AT_ONCE) inView.add(chart.element);
    charts.set(title, chart);
    observer.observe(chart.element);
  }

  function drop(title, chart) {
    observer.unobserve(chart.element);
    inView.delete(chart.element);
    charts.delete(title);
    chart.remove();
  }

  function remove() {
    unwatch();
    observer.disconnect();
    for (const chart of charts.values()) chart.remove();
    container.replaceChildren();
  }

  return { show, remove };
}

/** The range of x over all rows, with some width even around a single one. */
function extentOf(runs, axis) {
  let [min, max] = [Infinity, -Infinity];
  for (const { metrics } of runs) {
    const positions = positionsOf(metrics, axis);
    for (let row = 0; row < metrics.count; row += 1) {
      const x = positions === null ? row : positions[row];
      if (!Number.isFinite(x)) continue;
      if (x < min) min = x;
      if (x > max) max = x;
    }
  }
  if (min > max) return { min: 0, max: 1 };
  return min < max ? { min, max } : { min: min - 0.5, max: max + 0.5 };
}
