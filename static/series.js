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

/** Whether a metric tells good from bad at all; a learning rate does not. */
export const hasDirection = (name) => !/^lr\b|learning_rate/i.test(name);

/** Order metrics: loss, accuracy, the others by name; in each train, val, test. */
export function byImportance(a, b) {
  const [groupA, groupB] = [groupName(a), groupName(b)];
  return rank(FIRST, groupA) - rank(FIRST, groupB) || compare(groupA, groupB)
    || rank(SIDES, sideOf(a)) - rank(SIDES, sideOf(b)) || compare(a, b);
}

/** Names of the charts of runs' metrics with those in each, in order: [["loss", ["train/loss", "val/loss"]], ...]. */
export function groups(ofRuns) {
  const found = new Map();
  const names = ofRuns.flatMap((metrics) => [...metrics.columns.keys()].filter((name) => !COUNTERS.has(name) && hasValue(metrics, name)));
  for (const name of [...new Set(names)].sort(byImportance)) {
    const group = groupName(name);
    found.set(group, [...(found.get(group) ?? []), name]);
  }
  return [...found];
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
