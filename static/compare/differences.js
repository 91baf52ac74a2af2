/** What differs between runs: their parameters and their results. Pure. */
import { leaves } from "../experiment.js";
import { byImportance, metricNames } from "../series.js";

/** The parameters that differ: [[path, [value in each config]], ...], with undefined where a config has none. */
export function differences(configs) {
  const each = configs.map(byPath);
  const paths = [...new Set(each.flatMap((parameters) => [...parameters.keys()]))].sort();
  const rows = paths.map((path) => [path, each.map((parameters) => parameters.get(path))]);
  return rows.filter(([, values]) => values.some((value) => !isSame(value, values[0])));
}

const byPath = (config) => new Map(Object.entries(config ?? {}).flatMap(([name, value]) => leaves(value, name)));

const isSame = (a, b) => a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));

/**
 * The results of runs: [{name, values, best}] for each metric with a direction, in the order of the charts. `pick(metrics,
 * name)` takes one value of each run. `best` has the indices of the best values, and is empty if all are equal.
 */
export function results(tables, pick) {
  const directions = new Map(tables.flatMap((metrics) => [...metrics.directions]));
  const names = [...new Set(tables.flatMap(metricNames))].filter((name) => directions.has(name)).sort(byImportance);
  return names.map((name) => {
    const values = tables.map((metrics) => pick(metrics, name));
    return { name, values, best: indicesOfBest(values, directions.get(name)) };
  });
}

function indicesOfBest(values, direction) {
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (known.length < 2 || low === high) return [];
  const best = direction === "lower" ? low : high;
  return values.flatMap((value, i) => (value === best ? [i] : []));
}

/** Short names of runs: their ids from the first part on that differs. */
export function shortNames(ids) {
  if (ids.length < 2) return [...ids];
  let length = 0;
  while (ids.every((id) => length < id.length && id[length] === ids[0][length])) length += 1;
  const start = ids[0].slice(0, length).lastIndexOf("_") + 1;
  return ids.map((id) => id.slice(start));
}
