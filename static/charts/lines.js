/** The lines of a chart: which metric of which run, what it is called and how it looks. Pure but for the points kept. */
import { bestOf, nonFiniteOf } from "../metrics.js";
import { labelOf, sideOf } from "../series.js";
import { decimate } from "./decimate.js";
import { nearest, Points } from "./points.js";
import { smoothed } from "./smooth.js";

const NUM_TONES = 7;

/**
 * One metric of one run. `best` is its best value {x, y} or null, `nonFinite` what is not finite, [{kind, times, x}]. `x` is
 * null for a row that has no place on the axis.
 */
export class Line {
  points = new Points();
  best = null;
  nonFinite = [];

  constructor(run, name) {
    Object.assign(this, { key: keyOf(run, name), runId: run.id, name });
  }

  /** Take in what is new in a run's metrics, by `axis`: a column of the metrics, or "row". */
  update(axis, metrics) {
    const places = placesOf(metrics, axis);
    this.points.update(places, metrics.columns.get(this.name), metrics.count);
    const best = this.isThin || sideOf(this.name) === "test" ? null : bestOf(metrics, this.name);
    const x = (row) => (places === null ? row : (places[row] ?? null));
    this.best = best && { x: x(best.row), y: best.value };
    this.nonFinite = nonFiniteOf(metrics, this.name).map(({ kind, times, row }) => ({ kind, times, x: x(row) }));
  }

  /** What to draw of a view {min, max}, about as many columns of points: as decimate, with `smooth` values if wanted. */
  drawn(view, columns, weight) {
    const { xs, ys } = this.points;
    const drawn = decimate(xs, ys, { ...view, columns });
    if (weight === 0) return drawn;
    const all = smoothed(ys, weight);
    return { ...drawn, smooth: drawn.at.map((index) => (Number.isFinite(all[index]) ? all[index] : null)) };
  }
}

const NOWHERE = Object.freeze([]);

/** The x of each row by a kind of axis; null for the rows' numbers. A run without that column has no place on it. */
export const placesOf = ({ columns }, axis) => (axis === "row" ? null : (columns.get(axis) ?? NOWHERE));

/** The tone of the run with this number among those compared, from the style sheet. */
export const toneOf = (index) => `--tone-${(index % NUM_TONES) + 1}`;

export const keyOf = (run, name) => `${run.id}\n${name}`;

/** {tone, dash, isThin, label} of each metric of a run. Alone, train and val differ by colour; compared, runs do, and train is thin. */
export function looksOf(run, names) {
  if (run.index !== undefined)
    return names.map((name) => ({ ...lookOfRun(run.index, name), label: `${run.label} ${labelOf(name)}` }));
  const taken = new Set();
  return names.map((name, i) => {
    const side = sideOf(name) ?? "train";
    const tone = taken.has(side) ? toneOf(i + 2) : `--${side}`;
    taken.add(side);
    return { tone, dash: [], isThin: false, label: labelOf(name) };
  });
}

function lookOfRun(index, name) {
  return { tone: toneOf(index), dash: index >= NUM_TONES ? [10, 4] : [], isThin: sideOf(name) === "train" };
}

/** The kinds of axes that some run has; without steps and epochs there is the rows' number. */
export function axesOf(runs) {
  const found = ["step", "epoch"].filter((kind) => runs.some(({ metrics }) => metrics.columns.has(kind)));
  return found.length ? found : ["row"];
}

/** The place of the point, of any line, that is nearest to x; null without one. */
export function nearestOf(lines, x) {
  const places = lines.map(({ points: { xs } }) => xs[nearest(xs, x)]).filter((place) => place !== undefined);
  return places.length ? places.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a)) : null;
}
