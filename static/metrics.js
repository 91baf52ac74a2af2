/**
 * The rows of a metrics CSV, kept by column name, because columns widen and change their order.
 *
 * Values are only ever appended, so states share the arrays: each state sees the first `count` values of a column.
 * A value is a number, which may be NaN or infinite, or null for what was not logged.
 */
const NON_FINITE = { nan: NaN, inf: Infinity, "-inf": -Infinity };

export const NO_METRICS = Object.freeze({ count: 0, columns: new Map() });

/**
 * Add rows that are aligned with `names`. What a row has no column for is null, as is what was not logged. JSON has
 * null for NaN and infinities too: `nonFinite` tells where, {column: {nan, inf or -inf: [index in rows]}}.
 */
export function append(metrics, names, rows, nonFinite = {}) {
  const { count } = metrics;
  const columns = new Map();
  for (const name of new Set([...metrics.columns.keys(), ...names])) {
    const values = own(metrics.columns.get(name), count);
    const index = names.indexOf(name);
    for (const row of rows) values.push(index < 0 ? null : row[index]);
    for (const [kind, indices] of Object.entries(nonFinite[name] ?? {})) {
      for (const row of indices) values[count + row] = NON_FINITE[kind];
    }
    columns.set(name, values);
  }
  return { count: count + rows.length, columns };
}

/** What GET /training/metrics/runs/{run_id} answers. */
export function fromAnswer({ available_columns: names, data, non_finite }) {
  return append(NO_METRICS, names, data.map((row) => names.map((name) => row[name] ?? null)), non_finite);
}

/** Ask REST for a run's metrics, of many rows only some with all peaks (null: for all rows); none yet is not wrong. */
export async function fetchMetrics(get, runId, maxPoints) {
  try {
    return fromAnswer(await get(`training/metrics/runs/${encodeURIComponent(runId)}${maxPoints === null ? "" : `?max_points=${maxPoints}`}`));
  } catch (error) {
    if (error.problem?.code === 404) return NO_METRICS;
    throw error;
  }
}

/** Forget the rows from `count` on. */
export function truncate(metrics, count) {
  return { count: Math.min(count, metrics.count), columns: metrics.columns };
}

/** An array that holds exactly `count` values, for us to append to. */
function own(values, count) {
  if (values === undefined) return new Array(count).fill(null);
  return values.length === count ? values : values.slice(0, count);
}
