/** The lines of a chart: which metric of which run, what it is called and how it looks. Pure but for the points kept. */
import { hasDirection, isBetterLower, sideOf } from "../series.js";
import { Axis } from "./axis.js";
import { Decimated, decimate } from "./decimate.js";
import { Points, nearest } from "./points.js";
import { Smoothed } from "./smooth.js";
import { Tally } from "./tally.js";

const NUM_TONES = 7;

/** A line: what is constant of it, its points so far, and what is known of them; rows are looked at once. */
export class Line {
  points = new Points();
  #tally = new Tally();
  #smoothed = new Smoothed();
  #decimated = new Decimated();

  constructor(run, name) {
    Object.assign(this, { key: keyOf(run, name), runId: run.id, name });
  }

  update(axis, { columns, count }) {
    this.points.update(axis, columns.get(this.name), count);
    this.#tally.update(this.points);
  }

  /** What to draw: of everything, or of a `view` {min, max}, about as many columns of points. */
  drawn(view, columns) {
    const { xs, ys, generation } = this.points;
    return view === null ? this.#decimated.update(xs, ys, generation, columns) : decimate(xs, ys, { ...view, columns });
  }

  /** The smoothed values of what is drawn: they vary too little to need points of their own. */
  smoothed(weight, { at }) {
    this.#smoothed.update(this.points, weight);
    return at.map((index) => (index < 0 ? null : this.#smoothed.ys[index]));
  }

  /** The best point {x, y}, or null where none is better than the others or the metric is no matter of good or bad. */
  best() {
    if (this.isThin) return null;
    return hasDirection(this.name) && sideOf(this.name) !== "test" ? this.#point(this.#tally.best(this.points.ys, isBetterLower(this.name))) : null;
  }

  /** What is not finite: [{kind, times, x}], x being where it first was. */
  nonFinite() {
    return [...this.#tally.nonFinite].map(([kind, { times, first }]) => ({ kind, times, x: this.points.xs[first] }));
  }

  #point(index) {
    return index < 0 ? null : { x: this.points.xs[index], y: this.points.ys[index] };
  }
}

/** The tone of the run with this number among those compared, from the style sheet. */
export const toneOf = (index) => `--tone-${(index % NUM_TONES) + 1}`;

export const keyOf = (run, name) => `${run.id}\n${name}`;

/** {tone, dash, isThin, label} of each metric of a run. Alone, train and val differ by colour; compared, runs do, and train is thin. */
export function looksOf(run, names) {
  if (run.index !== undefined) return names.map((name) => ({ ...lookOfRun(run.index, name), label: `${run.label} ${labelOf(name)}` }));
  const taken = new Set();
  return names.map((name) => {
    const side = sideOf(name);
    const isFirst = side !== null && !taken.has(side);
    taken.add(side);
    const tone = isFirst ? `--${side}` : toneOf(names.indexOf(name) + 2);
    return { tone, dash: [], isThin: false, label: labelOf(name) };
  });
}

function lookOfRun(index, name) {
  return { tone: toneOf(index), dash: index >= NUM_TONES ? [10, 4] : [], isThin: sideOf(name) === "train" };
}

/** train/loss is told apart by train; a metric of its own by its name. */
export function labelOf(name) {
  if (!name.includes("/")) return name;
  return name.split("/").slice(0, -1).join("/") + (/_(step|epoch)$/.exec(name)?.[0].replace("_", " ") ?? "");
}

/** The axes of runs, one for each run and kind, kept while they grow. */
export class Axes {
  #axes = new Map();

  /** The run's axis of a kind, up to date. */
  of(run, kind) {
    const key = `${kind}\n${run.id}`;
    if (!this.#axes.has(key)) this.#axes.set(key, new Axis(kind, run.stepsPerEpoch));
    const axis = this.#axes.get(key);
    axis.update(run.metrics);
    return axis;
  }
}

/** The place of the point, of any line, that is nearest to x; null without one. */
export function nearestOf(lines, x) {
  const places = lines.map(({ points: { xs } }) => xs[nearest(xs, x)]).filter((place) => place !== undefined);
  return places.length ? places.reduce((a, b) => (Math.abs(b - x) < Math.abs(a - x) ? b : a)) : null;
}
