/**
 * The charts of one run or of several: one for each group of metrics, with one axis, zoom and cursor for all.
 *
 * `createCharts(place, {save})` fills an element and returns {show(runs), remove()}. `runs` are {id, metrics}, and {label,
 * index} too where several are compared. Show them as often as there is something new: only charts in view are drawn.
 */
import { make, setText } from "../dom.js";
import { count } from "../format.js";
import { groups } from "../series.js";
import { Chart } from "./chart.js";
import { createControls, readOptions } from "./controls.js";
import { axesOf, keyOf, Line, looksOf, placesOf } from "./lines.js";
import { createPalette, watchTheme } from "./palette.js";
import { within } from "./view.js";

/** Charts drawn before anybody knows which are in view, so that nothing moves when the page opens. */
const NUM_AT_ONCE = 6;
/** Of more charts than this the others are shown on request. */
const NUM_FIRST = 24;
const NEAR_VIEW = "50% 0px";

let numCharts = 0;

/** `save(runs)` saves the metrics of these runs as a file: of their rows some may be left out here, or yet to come. */
export function createCharts(place, { save }) {
  const charts = new Map();
  const inView = new Set();
  const lines = new Map();
  const hidden = new Set();
  const options = readOptions();
  const palette = createPalette(place);
  numCharts += 1;
  const syncKey = `charts-${numCharts}`;
  let [runs, view, extent, filter, isWhole, isScheduled] = [[], null, { min: 0, max: 1 }, "", false, false];

  const controls = createControls(options, { changed, reset: () => look(null), filtered, save: () => save(runs) });
  const grid = make("div", { className: "charts" });
  const none = make("p", { className: "empty", text: "No matching charts.", hidden: true });
  const more = make("button", { type: "button", className: "small", hidden: true });
  more.addEventListener("click", () => {
    isWhole = !isWhole;
    schedule();
  });
  place.replaceChildren(controls.element, grid, none, more);
  const observer = new IntersectionObserver(seen, { rootMargin: NEAR_VIEW });
  const unwatch = watchTheme(() => {
    palette.forget();
    schedule();
  });

  function seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const chart = [...charts.values()].find(({ element }) => element === target);
      inView[isIntersecting ? "add" : "delete"](target);
      if (!isIntersecting) chart?.release();
    }
    schedule();
  }

  function changed({ axis }) {
    if (axis !== changed.axis) view = null; // It was a part of the other axis.
    changed.axis = axis;
    schedule();
  }

  function filtered(text) {
    filter = text.trim().toLowerCase();
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
      hidden.clear();
    }
  }

  function draw() {
    const all = groups(runs.map(({ metrics }) => metrics));
    const found = all.filter(([title, names]) => [title, ...names].some((name) => name.toLowerCase().includes(filter)));
    const wanted = new Map(isWhole ? found : found.slice(0, NUM_FIRST));
    const kinds = axesOf(runs);
    const axis = kinds.includes(options.axis) ? options.axis : kinds[0];
    extent = extentOf(runs, axis);
    view = view && within(view, extent);
    controls.show({ axes: kinds, axis, isWhole: view === null, hasFilter: all.length > NUM_AT_ONCE });
    controls.element.hidden = all.length === 0;
    none.hidden = all.length === 0 || found.length > 0;
    more.hidden = found.length <= NUM_FIRST;
    setText(more, isWhole ? `Show only the first ${NUM_FIRST} charts` : `Show all ${count(found.length)} charts`);
    keepCharts([...wanted.keys()]);
    const common = { ...range(), hidden, axis, smoothing: options.smoothing, isLog: options.scale === "log" };
    for (const [title, chart] of charts)
      if (inView.has(chart.element)) chart.show({ ...common, lines: linesOf(wanted.get(title), axis) });
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
    line.update(axis, run.metrics);
    return line;
  }

  /** A chart for each title, in this order. */
  function keepCharts(titles) {
    const wanted = new Set(titles);
    for (const [title, chart] of charts) if (!wanted.has(title)) drop(title, chart);
    titles.forEach((title, i) => {
      if (!charts.has(title)) add(title);
      const { element } = charts.get(title);
      if (grid.children[i] !== element) grid.insertBefore(element, grid.children[i] ?? null);
    });
  }

  function add(title) {
    const chart = new Chart(title, palette, syncKey, { range, viewed: look, toggled: toggle, resized: schedule });
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
    place.replaceChildren();
  }

  return { show, remove };
}

/** From the first place to the last of all rows; some width even around a single one. */
function extentOf(runs, axis) {
  let [min, max] = [Infinity, -Infinity];
  for (const { metrics } of runs) {
    const places = placesOf(metrics, axis);
    for (let row = 0; row < metrics.count; row += 1) {
      const x = places === null ? row : places[row];
      if (!Number.isFinite(x)) continue;
      if (x < min) min = x;
      if (x > max) max = x;
    }
  }
  if (min > max) return { min: 0, max: 1 };
  return min < max ? { min, max } : { min: min - 0.5, max: max + 0.5 };
}
