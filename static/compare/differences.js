/** What differs between runs: settings, and how good they became. Pure. */
import { byImportance, metricNames } from "../series.js";

/** Settings by dotted path, of nested objects; a list is one value. */
export function flat(config, prefix = "", into = new Map()) {
  for (const [key, value] of Object.entries(config ?? {})) {
    const path = prefix + key;
    if (value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0)
      flat(value, `${path}.`, into);
    else into.set(path, value);
  }
  return into;
}

/** The settings that are not the same in all configs: [[path, [value of each]], ...]; undefined where a config has none. */
export function differences(configs) {
  const each = configs.map((config) => flat(config));
  const paths = [...new Set(each.flatMap((settings) => [...settings.keys()]))].sort();
  const rows = paths.map((path) => [path, each.map((settings) => settings.get(path))]);
  return rows.filter(([, values]) => values.some((value) => !isSame(value, values[0])));
}

const isSame = (a, b) => a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));

/**
 * How good runs became: [{name, values, best}] of each metric whose direction is known, in the charts' order. `pick(metrics,
 * name)` takes a value from a run's metrics; `best` are the indices of the best ones, none where all are as good.
 */
export function outcomes(ofRuns, pick) {
  const directions = new Map(ofRuns.flatMap((metrics) => [...metrics.directions]));
  const names = [...new Set(ofRuns.flatMap(metricNames))].filter((name) => directions.has(name)).sort(byImportance);
  return names.map((name) => {
    const values = ofRuns.map((metrics) => pick(metrics, name));
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

/** Short names of runs: their ids without what all begin with, up to the last part that differs. */
export function shortNames(ids) {
  if (ids.length < 2) return [...ids];
  let length = 0;
  while (ids.every((id) => length < id.length && id[length] === ids[0][length])) length += 1;
  const start = ids[0].slice(0, length).lastIndexOf("_") + 1;
  return ids.map((id) => id.slice(start));
}
