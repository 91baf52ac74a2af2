/** A chart in words: how each line ends, its best value, and its values that are not finite. */
import { count, metric } from "../format.js";
import { nearest } from "./points.js";
import { tickText } from "./ticks.js";

const WORDS = { nan: "NaN", inf: "\u221e", "-inf": "\u2212\u221e" };

export const positionText = (axis, x) => `${axis} ${Number.isInteger(x) ? count(x) : tickText(x)}`;

/** " at step 40"; empty for a row without a position on the axis. */
const at = (axis, x, word = " at") => (Number.isFinite(x) ? `${word} ${positionText(axis, x)}` : "");

/** A line's value at x, or the nearest one with its position: "0.9875 (step 400)". */
export function valueText({ points: { xs, ys } }, axis, x) {
  const index = nearest(xs, x);
  if (index < 0) return metric(null);
  return xs[index] === x ? metric(ys[index]) : `${metric(ys[index])} (${positionText(axis, xs[index])})`;
}

/** One sentence for each line. */
export function summaryOf(title, axis, lines) {
  if (lines.length === 0) return `${title}: all lines are hidden.`;
  return lines
    .map(
      (line) =>
        `${line.label}: ${[ended(line, axis), bestText(line.best, axis), nonFiniteText(line.nonFinite, axis)].filter(Boolean).join(", ")}.`,
    )
    .join(" ");
}

function ended({ points: { xs, ys } }, axis) {
  return xs.length ? `${metric(ys.at(-1))} at ${positionText(axis, xs.at(-1))}` : "no values yet";
}

export const bestText = (point, axis) => (point === null ? "" : `best ${metric(point.y)}${at(axis, point.x)}`);

/** "NaN 3 times, first at step 40"; empty if all values are finite. */
export function nonFiniteText(found, axis) {
  return found
    .map(
      ({ kind, times, x }) =>
        `${WORDS[kind]} ${times === 1 ? "once" : `${count(times)} times`}${at(axis, x, times === 1 ? ", at" : ", first at")}`,
    )
    .join(", ");
}
