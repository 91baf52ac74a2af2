/** A chart in words, for those who do not see it and below it for all: how each line ends, its best value, what is not finite. */
import { count, metric } from "../format.js";
import { nearest } from "./points.js";
import { tickText } from "./ticks.js";

const WORDS = { nan: "NaN", inf: "\u221e", "-inf": "\u2212\u221e" };

export const placeText = (axis, x) => `${axis} ${Number.isInteger(x) ? count(x) : tickText(x)}`;

/** " at step 40"; empty for what has no place on the axis. */
const at = (axis, x, word = " at") => (Number.isFinite(x) ? `${word} ${placeText(axis, x)}` : "");

/** A line's value at x, or the nearest one with its own place: "0.9875 (step 400)". */
export function valueText({ points: { xs, ys } }, axis, x) {
  const index = nearest(xs, x);
  if (index < 0) return metric(null);
  return xs[index] === x ? metric(ys[index]) : `${metric(ys[index])} (${placeText(axis, xs[index])})`;
}

/** One sentence for each line. */
export function summaryOf(title, axis, lines) {
  if (lines.length === 0) return `${title}: every line is hidden.`;
  return lines
    .map(
      (line) =>
        `${line.label}: ${[ended(line, axis), bestText(line.best, axis), nonFiniteText(line.nonFinite, axis)].filter(Boolean).join(", ")}.`,
    )
    .join(" ");
}

function ended({ points: { xs, ys } }, axis) {
  return xs.length ? `${metric(ys.at(-1))} at ${placeText(axis, xs.at(-1))}` : "nothing yet";
}

export const bestText = (point, axis) => (point === null ? "" : `best ${metric(point.y)}${at(axis, point.x)}`);

/** "NaN 3 times, first at step 40"; empty where every value is finite. */
export function nonFiniteText(found, axis) {
  return found
    .map(
      ({ kind, times, x }) =>
        `${WORDS[kind]} ${times === 1 ? "once" : `${count(times)} times`}${at(axis, x, times === 1 ? ", at" : ", first at")}`,
    )
    .join(", ");
}
