/** Which metrics share a chart, and in which order they come. Pure. */

const COUNTERS = new Set(["epoch", "step"]);
const FIRST = ["loss", "acc", "accuracy"];
const SIDES = ["train", "val", "test"];
const SIDE_OF = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  eval: "val",
  dev: "val",
  test: "test",
};
/** `train/loss`, `val_loss` and `eval_loss` name the side first, `loss/train` and `loss_val` name it last. */
const SIDE_FIRST = /^([a-z]+)[/_.](?=.)/i;
const SIDE_LAST = /(?<=.)[/_.]([a-z]+)$/i;
/** What is appended to the name of a metric that is logged both by step and by epoch. */
const SUFFIX = /(?<=.)_(step|epoch)$/;

const known = new Map();

/** What a name says: its side or null, the word for that, the name without it, and the group of names that share a chart. */
function partsOf(name) {
  if (!known.has(name)) known.set(name, read(name));
  return known.get(name);
}

function read(name) {
  const match = [SIDE_FIRST, SIDE_LAST]
    .map((pattern) => pattern.exec(name))
    .find((each) => each && Object.hasOwn(SIDE_OF, each[1].toLowerCase()));
  const rest = match ? name.replace(match[0], "") : name;
  const [word, group] = [match?.[1] ?? "", rest.replace(SUFFIX, "")];
  return { side: SIDE_OF[word.toLowerCase()] ?? null, word, rest, group };
}

/** train, val or test; null for a metric that names none of them. */
export const sideOf = (name) => partsOf(name).side;

/** What tells the lines of one chart apart: "train", "eval", "train step"; a metric without a side has its name. */
export function labelOf(name) {
  const { word } = partsOf(name);
  return word === "" ? name : word + (SUFFIX.exec(name)?.[0].replace("_", " ") ?? "");
}

/** Order metrics: loss, accuracy, the others by name; in each train, val, test. What names no side is of the training. */
export function byImportance(a, b) {
  const [one, two] = [partsOf(a), partsOf(b)];
  return (
    rank(FIRST, one.group) - rank(FIRST, two.group) ||
    compare(one.group, two.group) ||
    rank(SIDES, one.side ?? "train") - rank(SIDES, two.side ?? "train") ||
    compare(a, b)
  );
}

/** The metrics that a run has logged, without what only counts. */
export const metricNames = ({ columns }) => [...columns.keys()].filter((name) => !COUNTERS.has(name));

/**
 * The metrics that an epoch has one value of: not the test's, nor the values by step of what is logged by epoch too. Those
 * that can be good or bad come first.
 */
export function epochNames(metrics) {
  const { directions } = metrics;
  const names = metricNames(metrics);
  const others = new Set(names);
  const isByStep = (name) =>
    name.endsWith("_step") && [name.slice(0, -5), `${name.slice(0, -5)}_epoch`].some((other) => others.has(other));
  return names
    .filter((name) => sideOf(name) !== "test" && !isByStep(name))
    .sort((a, b) => directions.has(b) - directions.has(a) || byImportance(a, b));
}

/** Titles of the charts of runs' metrics with those in each, in order: [["loss", ["train/loss", "val/loss"]], ...]. */
export function groups(ofRuns) {
  const names = [...new Set(ofRuns.flatMap(metricNames))].sort(byImportance);
  const byGroup = new Map(names.map((name) => [partsOf(name).group, []]));
  for (const name of names) byGroup.get(partsOf(name).group).push(name);
  return [...byGroup].map(([group, of]) => [of.length > 1 ? group : partsOf(of[0]).rest, of]);
}

function rank(order, name) {
  const index = order.indexOf(name);
  return index < 0 ? order.length : index;
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
