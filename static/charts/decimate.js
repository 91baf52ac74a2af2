/**
 * Few points that draw the same line. x is divided into columns of about a pixel. Each column keeps its first, lowest,
 * highest and last point, and the first value of each kind that is not finite. So no peak and no NaN is lost, and the width
 * bounds the number of points. uPlot reduces points as well, but only after it has joined the points of all lines: a chart of
 * 100,000 points then takes twice as long to draw, and four times as long for each new point.
 */
import { kindOf } from "../metrics.js";
import { indexFrom } from "./points.js";

/**
 * The points from `min` to `max`, and one on each side so that lines reach the edges: {xs, ys, at, marks}. `at` has their
 * indices. A null in `ys` stands for a value that is not finite and breaks the line; `marks` lists those, [{x, kind}].
 */
export function decimate(xs, ys, { min, max, columns }) {
  const out = { xs: [], ys: [], at: [], marks: [] };
  const width = (max - min) / columns || 1;
  const end = Math.min(xs.length, endOf(xs, max) + 1);
  for (let start = Math.max(0, indexFrom(xs, min) - 1), next; start < end; start = next) {
    const column = Math.floor(xs[start] / width);
    next = start + 1;
    while (next < end && Math.floor(xs[next] / width) === column) next += 1;
    addColumn(out, xs, ys, start, next);
  }
  return out;
}

function addColumn(out, xs, ys, start, end) {
  let [low, high] = [-1, -1];
  const nonFinite = new Map();
  for (let i = start; i < end; i += 1) {
    const y = ys[i];
    if (!Number.isFinite(y)) {
      if (!nonFinite.has(kindOf(y))) nonFinite.set(kindOf(y), i);
      continue;
    }
    if (low < 0 || y < ys[low]) low = i;
    if (high < 0 || y > ys[high]) high = i;
  }
  for (const [kind, i] of nonFinite) out.marks.push({ x: xs[i], kind });
  const chosen = new Set([start, low, high, end - 1, ...nonFinite.values()]);
  for (const i of [...chosen].sort((a, b) => a - b))
    if (i >= 0) add(out, xs[i], Number.isFinite(ys[i]) ? ys[i] : null, i);
}

function add(out, x, y, index) {
  out.xs.push(x);
  out.ys.push(y);
  out.at.push(index);
}

/** The index after the last value that is at most `x`. */
function endOf(xs, x) {
  let end = indexFrom(xs, x);
  while (end < xs.length && xs[end] <= x) end += 1;
  return end;
}
