/**
 * Few points that draw the same line: x is cut into columns of about a pixel, and of each column the first, lowest, highest
 * and last point stay. So no peak is lost, and what is drawn is bounded by the width.
 *
 * The result is {xs, ys, at, marks}, `at` being the indices of the points chosen, -1 for none. A null in `ys` breaks the line: where nothing was logged for much longer than usual, and
 * where a value is not finite; those are told in `marks`, [{x, kind: "nan", "inf" or "-inf"}], one of a kind a column.
 */
import { indexFrom } from "./points.js";

/** So many times the usual distance between two points is a gap. */
const GAP = 8;
const MIN_POINTS_FOR_GAPS = 8;
const MAX_DISTANCES = 301;

/** The points of a stretch of x, and one on each side, so that lines leave the picture. */
export function decimate(xs, ys, { min, max, columns }) {
  const out = { xs: [], ys: [], at: [], marks: [] };
  const start = Math.max(0, indexFrom(xs, min) - 1);
  let end = indexFrom(xs, max);
  while (end < xs.length && xs[end] <= max) end += 1;
  addColumns(out, xs, ys, start, Math.min(xs.length, end + 1), (max - min) / columns || 1);
  return out;
}

/** All points of a line that grows: columns that are full are not looked at again, as long as their width will do. */
export class Decimated {
  #out = { xs: [], ys: [], at: [], marks: [] };
  #width = null;
  #generation = null;
  /** Where the last column begins: in the line, and in what came out. */
  #open = { index: 0, points: 0, marks: 0 };

  /** `columns` is about how many fit the picture; there are at most one and a half times as many. */
  update(xs, ys, generation, columns) {
    const wanted = (xs.at(-1) - xs[0]) / columns || 1;
    const width = 2 ** (Math.floor(2 * Math.log2(wanted)) / 2);
    if (width !== this.#width || generation !== this.#generation) this.#open = { index: 0, points: 0, marks: 0 };
    [this.#width, this.#generation] = [width, generation];
    const out = this.#out;
    out.xs.length = out.ys.length = out.at.length = this.#open.points;
    out.marks.length = this.#open.marks;
    this.#open = addColumns(out, xs, ys, this.#open.index, xs.length, width);
    return out;
  }
}

/** Add the points [start, end) by columns of a width; returns where the last column begins. */
function addColumns(out, xs, ys, start, end, width) {
  const widest = Math.max(usualDistance(xs) * GAP, width);
  let first = start;
  let column = Math.floor(xs[start] / width);
  let open = { index: start, points: out.xs.length, marks: out.marks.length };
  for (let i = start; i < end; i += 1) {
    const isLast = i + 1 === end;
    const isGap = !isLast && xs[i + 1] - xs[i] > widest;
    const next = isLast ? NaN : Math.floor(xs[i + 1] / width);
    if (next === column && !isGap) continue;
    open = { index: first, points: out.xs.length, marks: out.marks.length };
    addColumn(out, xs, ys, first, i + 1);
    if (isGap) add(out, (xs[i] + xs[i + 1]) / 2, null, -1);
    [first, column] = [i + 1, next];
  }
  return open;
}

function addColumn(out, xs, ys, start, end) {
  let [first, low, high, last] = [-1, -1, -1, -1];
  const numMarks = out.marks.length;
  for (let i = start; i < end; i += 1) {
    const y = ys[i];
    if (!Number.isFinite(y)) {
      mark(out.marks, numMarks, xs[i], kindOf(y));
      continue;
    }
    if (first < 0) first = low = high = i;
    if (y < ys[low]) low = i;
    if (y > ys[high]) high = i;
    last = i;
  }
  if (first !== start) add(out, xs[start], null, -1);
  if (first < 0) return;
  add(out, xs[first], ys[first], first);
  const [one, other] = low < high ? [low, high] : [high, low];
  if (one > first) add(out, xs[one], ys[one], one);
  if (other > one) add(out, xs[other], ys[other], other);
  if (last > other) add(out, xs[last], ys[last], last);
  if (last !== end - 1) add(out, xs[end - 1], null, -1);
}

/** nan, inf or -inf. */
export const kindOf = (y) => (Number.isNaN(y) ? "nan" : y > 0 ? "inf" : "-inf");

function mark(marks, from, x, kind) {
  for (let i = from; i < marks.length; i += 1) if (marks[i].kind === kind) return;
  marks.push({ x, kind });
}

function add(out, x, y, index) {
  out.xs.push(x);
  out.ys.push(y);
  out.at.push(index);
}

/** The median distance of neighbours, estimated from some hundred of them; without end for a few points. */
export function usualDistance(xs) {
  if (xs.length < MIN_POINTS_FOR_GAPS) return Infinity;
  const stride = Math.max(1, Math.ceil((xs.length - 1) / MAX_DISTANCES));
  const distances = [];
  for (let i = 1; i < xs.length; i += stride) distances.push(xs[i] - xs[i - 1]);
  return distances.sort((a, b) => a - b)[distances.length >> 1];
}
