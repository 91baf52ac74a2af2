/** Which metrics share a chart, and in which order they come. Pure. */

const COUNTERS = new Set(["epoch", "step"]);
const FIRST = ["loss", "acc", "accuracy"];
const SPLITS = ["train", "val", "test"];
const SPLIT_OF = {
  train: "train",
  training: "train",
  val: "val",
  valid: "val",
  validation: "val",
  eval: "val",
  dev: "val",
  test: "test",
};
/** `train/loss`, `val_loss` and `eval_loss` name the split first; `loss/train` and `loss_val` name it last. */
const SPLIT_FIRST = /^([a-z]+)[/_.](?=.)/i;
const SPLIT_LAST = /(?<=.)[/_.]([a-z]+)$/i;
/** The suffix of a metric that is logged both by step and by epoch. */
const SUFFIX = /(?<=.)_(step|epoch)$/;

const cache = new Map();

/** The parts of a name: its split or null, the word for it, the rest, and the group of names that share a chart. */
function partsOf(name) {
  if (!cache.has(name)) cache.set(name, read(name));
  return cache.get(name);
}

function read(name) {
  const match = [SPLIT_FIRST, SPLIT_LAST]
    .map((pattern) => pattern.exec(name))
    .find((each) => each && Object.hasOwn(SPLIT_OF, each[1].toLowerCase()));
  const rest = match ? name.replace(match[0], "") : name;
  const [word, group] = [match?.[1] ?? "", rest.replace(SUFFIX, "")];
  return { split: SPLIT_OF[word.toLowerCase()] ?? null, word, rest, group };
}

/** train, val or test; null for a metric without a split. */
export const splitOf = (name) => partsOf(name).split;

/** A line's label in its chart: "train", "eval", "train step", or the whole name of a metric without a split. */
export function labelOf(name) {
  const { word } = partsOf(name);
  return word === "" ? name : word + (SUFFIX.exec(name)?.[0].replace("_", " ") ?? "");
}

/** Order metrics: loss, accuracy, then by name; each as train, val, test. A metric without a split counts as train. */
export function byImportance(a, b) {
  const [one, two] = [partsOf(a), partsOf(b)];
  return (
    rank(FIRST, one.group) - rank(FIRST, two.group) ||
    compare(one.group, two.group) ||
    rank(SPLITS, one.split ?? "train") - rank(SPLITS, two.split ?? "train") ||
    compare(a, b)
  );
}

/** The metrics that a run has logged, without epoch and step. */
export const metricNames = ({ columns }) => [...columns.keys()].filter((name) => !COUNTERS.has(name));

/** Whether a metric is logged by step, and by epoch under another of these names. */
export function isStepOfEpoch(name, names) {
  if (!name.endsWith("_step")) return false;
  const stem = name.slice(0, -"_step".length);
  return names.includes(stem) || names.includes(`${stem}_epoch`);
}

/**
 * The metrics of the table of epochs: none of the test's, and none by step that is also logged by epoch. Those with a
 * direction come first.
 */
export function epochNames(metrics) {
  const { directions } = metrics;
  const names = metricNames(metrics);
  return names
    .filter((name) => splitOf(name) !== "test" && !isStepOfEpoch(name, names))
    .sort((a, b) => directions.has(b) - directions.has(a) || byImportance(a, b));
}

/** The charts of some runs' metrics, in order: [[title, names], ...], such as ["loss", ["train/loss", "val/loss"]]. */
export function groups(tables) {
  const names = [...new Set(tables.flatMap(metricNames))].sort(byImportance);
  const byGroup = new Map(names.map((name) => [partsOf(name).group, []]));
  for (const name of names) byGroup.get(partsOf(name).group).push(name);
  return [...byGroup].map(([group, of]) => [of.length > 1 ? group : partsOf(of[0]).rest, of]);
}

function rank(order, name) {
  const index = order.indexOf(name);
  return index < 0 ? order.length : index;
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
