/** The lines of a chart: which metric of which run, with its label and style. */
import { bestOf, nonFiniteOf } from "../metrics.js";
import { isStepOfEpoch, labelOf, splitOf } from "../series.js";
import { decimate } from "./decimate.js";
import { nearest, Points } from "./points.js";
import { smoothed } from "./smooth.js";

const NUM_TONES = 7;

/**
 * One metric of one run. `best` is its best value {x, y} or null; `nonFinite` lists values that are not finite, [{kind,
 * times, x}]. `x` is null for a row without a position on the axis.
 */
export class Line {
  points = new Points();
  best = null;
  nonFinite = [];

  constructor(run, name) {
    Object.assign(this, { key: keyOf(run, name), runId: run.id, name });
  }

  /** Take in a run's new rows. The x axis is a column of the metrics, or "row". */
  update(axis, metrics) {
    const positions = positionsOf(metrics, axis);
    this.points.update(positions, metrics.columns.get(this.name), metrics.count);
    const best = this.isThin || splitOf(this.name) === "test" ? null : bestOf(metrics, this.name);
    const x = (row) => (positions === null ? row : (positions[row] ?? null));
    this.best = best && { x: x(best.row), y: best.value };
    this.nonFinite = nonFiniteOf(metrics, this.name).map(({ kind, times, row }) => ({ kind, times, x: x(row) }));
  }

  /** The points to draw in a view {min, max}, as `decimate` returns them, with `smooth` values if `weight` is not 0. */
  drawn(view, columns, weight) {
    const { xs, ys } = this.points;
    const drawn = decimate(xs, ys, { ...view, columns });
    if (weight === 0) return drawn;
    const all = smoothed(ys, weight);
    return { ...drawn, smooth: drawn.at.map((index) => (Number.isFinite(all[index]) ? all[index] : null)) };
  }
}

const NO_POSITIONS = Object.freeze([]);

/** The x of each row on an axis; null if it is the row's number. A run without that column has no positions. */
export const positionsOf = ({ columns }, axis) => (axis === "row" ? null : (columns.get(axis) ?? NO_POSITIONS));

/** The colour of a compared run by its index: a custom property of the style sheet. */
export const toneOf = (index) => `--tone-${(index % NUM_TONES) + 1}`;

export const keyOf = (run, name) => `${run.id}\n${name}`;

/**
 * The style of each metric of a run: {tone, dash, isThin, label}. In the charts of one run the splits differ by colour, and values by
 * step are a thin line behind those by epoch. In a comparison the runs differ by colour, and train is thin.
 */
export function stylesOf(run, names) {
  if (run.index !== undefined)
    return names.map((name) => ({ ...comparedStyle(run.index, name), label: `${run.label} ${labelOf(name)}` }));
  const taken = new Set();
  return names.map((name, i) => {
    const split = splitOf(name) ?? "train";
    if (isStepOfEpoch(name, names)) return { tone: `--${split}`, dash: [], isThin: true, label: labelOf(name) };
    const tone = taken.has(split) ? toneOf(i + 2) : `--${split}`;
    taken.add(split);
    return { tone, dash: [], isThin: false, label: labelOf(name) };
  });
}

function comparedStyle(index, name) {
  return { tone: toneOf(index), dash: index >= NUM_TONES ? [10, 4] : [], isThin: splitOf(name) === "train" };
}

/** The x axes that at least one run has: step, epoch, or without both the row's number. */
export function axesOf(runs) {
  const found = ["step", "epoch"].filter((kind) => runs.some(({ metrics }) => metrics.columns.has(kind)));
  return found.length ? found : ["row"];
}

/** The x of the point of any line that is nearest to x; null if there is none. */
export function nearestOf(lines, x) {
  const found = lines.map(({ points: { xs } }) => xs[nearest(xs, x)]).filter((each) => each !== undefined);
  return found.length ? found.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a)) : null;
}
