/** Which metrics share a chart, and their points. Pure. */

const COUNTERS = new Set(["epoch", "step"]);
const FIRST = ["loss", "acc", "accuracy"];
const SIDES = ["train", "val", "test"];
/** What Lightning appends to the name of a metric that is logged by step and by epoch. */
const SUFFIX = /_(step|epoch)$/;

const groupName = (name) => name.split("/").at(-1).replace(SUFFIX, "");

/** train, val or test; null for a metric of none of them. */
export const sideOf = (name) => SIDES.find((side) => name.startsWith(`${side}/`) || name.startsWith(`${side}_`)) ?? null;

export const isBetterLower = (name) => /loss|error/i.test(name);

/** Order metrics: loss, accuracy, the others by name; in each train, val, test. */
export function byImportance(a, b) {
  const [groupA, groupB] = [groupName(a), groupName(b)];
  return rank(FIRST, groupA) - rank(FIRST, groupB) || compare(groupA, groupB)
    || rank(SIDES, sideOf(a)) - rank(SIDES, sideOf(b)) || compare(a, b);
}

/** Names of the charts with the metrics in each, in order: [["loss", ["train/loss", "val/loss"]], ...]. */
export function groups(metrics) {
  const found = new Map();
  const names = [...metrics.columns.keys()].filter((name) => !COUNTERS.has(name) && hasValue(metrics, name));
  for (const name of names.sort(byImportance)) {
    const group = groupName(name);
    found.set(group, [...(found.get(group) ?? []), name]);
  }
  return [...found];
}

/** The column to draw over: the step, else the epoch, else the row's number. */
export function axisOf(metrics) {
  return ["step", "epoch"].find((name) => metrics.columns.has(name)) ?? "row";
}

/** Align metrics over the axis: [xs, ...values of each name]. One x may have several rows; the last value wins. */
export function aligned(metrics, names) {
  const axis = metrics.columns.get(axisOf(metrics));
  const columns = names.map((name) => metrics.columns.get(name));
  const points = new Map();
  for (let row = 0; row < metrics.count; row += 1) {
    const x = axis === undefined ? row : axis[row];
    if (x === null || columns.every((values) => values[row] === null)) continue;
    const point = points.get(x) ?? new Array(names.length).fill(null);
    columns.forEach((values, i) => (point[i] = values[row] ?? point[i]));
    points.set(x, point);
  }
  const xs = [...points.keys()].sort((a, b) => a - b);
  return [xs, ...names.map((_, i) => xs.map((x) => points.get(x)[i]))];
}

function hasValue({ columns, count }, name) {
  const index = columns.get(name).findIndex((value) => value !== null);
  return index >= 0 && index < count;
}

function rank(order, name) {
  const index = order.indexOf(name);
  return index < 0 ? order.length : index;
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
