/** The plot of one chart: uPlot with our axes, over data reduced to what its width can show. */
import { count } from "../format.js";
import { drawBest, drawNonFinite } from "./marks.js";
import { linearTicks, logTicks, rangeOf, tickText } from "./ticks.js";

const { uPlot } = globalThis;
const TICK_REM = 0.75;
const MAX_POINTS_WITH_DOTS = 60;
/** With more lines than this each one is reduced further: fifty runs cost no more than a plot can show. */
const MAX_LINES_IN_FULL = 8;
const RAW_ALPHA = 0.3;
const THIN_ALPHA = 0.7;
const PX_PER_TICK = 32;

/** uPlot's mode for joining lines in which a null breaks its line, however many points others have in between. */
const NULL_EXPAND = 2;

/** uPlot's data for lines: {data: [xs, ...ys], marks: [of each line], numPoints}. With smoothing the raw line comes first. */
export function dataOf(lines, { view, smoothing, isLog, width }) {
  const columns = Math.max(32, Math.ceil(width * Math.min(1, MAX_LINES_IN_FULL / Math.max(1, lines.length))));
  const drawn = lines.map((line) => line.drawn(view, columns, smoothing));
  const positive = (ys) => (isLog ? ys.map((y) => (y > 0 ? y : null)) : ys);
  const tables = drawn.map(({ xs, ys, smooth }) => [xs, ...[ys, smooth].filter(Boolean).map(positive)]);
  const modes = tables.map((table) => table.map(() => NULL_EXPAND));
  return {
    data: tables.length ? uPlot.join(tables, modes) : [[]],
    marks: drawn.map(({ marks }) => marks),
    numPoints: drawn.reduce((sum, { xs }) => sum + xs.length, 0),
  };
}

/**
 * Create the plot in `element`. `of` returns what to show: {lines, view, smoothing, isLog, marks, axis} and `colour(name)`.
 * `on` has moved(plot) for the cursor, and zoomed(view or null).
 */
export function createPlot(element, of, on, syncKey) {
  const shown = of();
  const { colour } = shown;
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const font = `${TICK_REM * rem}px ${getComputedStyle(element).fontFamily}`;
  const line = { stroke: () => colour("--quiet"), font, ticks: { show: false } };
  const grid = { stroke: () => colour("--line"), width: 1 };
  const options = {
    width: Math.max(element.clientWidth, 80),
    height: Math.max(element.clientHeight, 120),
    padding: [10, 14, 0, 0],
    legend: { show: false },
    scales: {
      x: { time: false, range: () => [of().view.min, of().view.max] },
      y: { distr: shown.isLog ? 3 : 1, range: (_, low, high) => rangeOf(low, high, of().isLog) },
    },
    axes: [
      {
        ...line,
        grid: { show: false },
        size: 1.75 * rem,
        space: 4 * rem,
        values: (_, xs) => xs.map((x) => (of().axis === "epoch" || Number.isInteger(x) ? xText(x) : "")),
      },
      {
        ...line,
        grid,
        size: (_, texts) => widthOf(texts, rem),
        filter: (_, ys) => ys,
        splits: (plot, _, low, high) => ticksOf(plot, low, high, of().isLog),
        values: (_, ys) => ys.map(tickText),
      },
    ],
    cursor: {
      y: false,
      points: { size: 7 },
      drag: { x: true, y: false, setScale: false },
      dataIdx: nearestValue,
      bind: {
        dblclick: () => () => on.zoomed(null),
        mousedown: (_, __, begin) => (event) => event.shiftKey || begin(event),
      },
      sync: { key: syncKey, scales: ["x", null], filters: { pub: isMove, sub: isMove } },
    },
    hooks: {
      setCursor: [on.moved],
      setSelect: [(plot) => selected(plot, on.zoomed)],
      draw: [(plot) => drawMarks(plot, of())],
    },
    series: [{}, ...shown.lines.flatMap((each) => seriesOf(each, shown))],
  };
  return new uPlot(options, shown.data, element);
}

const isMove = (type) => type === "mousemove" || type === "mouseleave";

const xText = (x) => (Number.isInteger(x) ? count(x) : tickText(x));

function ticksOf(plot, low, high, isLog) {
  const most = Math.max(2, plot.bbox.height / devicePixelRatio / PX_PER_TICK);
  return isLog ? logTicks(low, high, most) : linearTicks(low, high, most);
}

const widthOf = (texts, rem) => rem * (1 + 0.44 * Math.max(3, ...(texts ?? []).map((text) => text.length)));

function seriesOf({ tone, dash, isThin }, { smoothing, colour }) {
  const stroke = () => colour(tone);
  const raw = { stroke, width: 1, alpha: RAW_ALPHA, points: { show: false } };
  const drawn = {
    stroke,
    width: isThin ? 1 : 1.75,
    alpha: isThin ? THIN_ALPHA : 1,
    dash,
    points: { show: true, filter: pointsToShow, size: isThin ? 3 : 5, fill: stroke },
  };
  return smoothing > 0 ? [raw, drawn] : [drawn];
}

/** Dot every point where there are few, else only those that no line reaches. */
function pointsToShow(plot, index) {
  const ys = plot.data[index];
  const present = [];
  for (let i = 0; i < ys.length; i += 1) if (ys[i] !== undefined) present.push(i);
  const values = present.filter((i) => ys[i] !== null);
  if (values.length <= MAX_POINTS_WITH_DOTS) return values;
  return present.filter(
    (i, at) => ys[i] !== null && (ys[present[at - 1]] ?? null) === null && (ys[present[at + 1]] ?? null) === null,
  );
}

/** The index nearest to `index` at which the series has a value. */
function nearestValue(plot, series, index) {
  const values = plot.data[series];
  if (series === 0 || values[index] != null) return index;
  for (let away = 1; away < values.length; away += 1) {
    if (values[index - away] != null) return index - away;
    if (values[index + away] != null) return index + away;
  }
  return index;
}

function selected(plot, zoomed) {
  const { left, width } = plot.select;
  if (width < 4) return;
  const view = { min: plot.posToVal(left, "x"), max: plot.posToVal(left + width, "x") };
  plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  zoomed(view);
}

function drawMarks(plot, { lines, marks, colour }) {
  lines.forEach((line, i) => {
    drawNonFinite(plot, marks[i], colour(line.tone));
    if (Number.isFinite(line.best?.x)) drawBest(plot, line.best, colour(line.tone), colour("--ground"));
  });
}
