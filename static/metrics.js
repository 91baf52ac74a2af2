/**
 * The rows of a metrics table, kept by column name, because columns widen and change their order.
 *
 * Values are only ever appended, so states share the arrays: each state sees the first `count` values of a column. A value
 * is a number, which may be NaN or infinite, or null where nothing was logged. A column exists from its first value on.
 * `directions` maps a metric to "lower" or "higher", whichever is better; a metric without one has no best value.
 */
const NON_FINITE = { nan: NaN, inf: Infinity, "-inf": -Infinity };

export const NO_METRICS = Object.freeze({ count: 0, columns: new Map(), directions: new Map() });

/**
 * Add rows that are aligned with `names`. JSON has null for NaN and infinities too: `nonFinite` says where they were,
 * {column: {nan, inf or -inf: [index in rows]}}.
 */
export function append(metrics, names, rows, nonFinite = {}, directions = {}) {
  const { count } = metrics;
  const indices = new Map(names.map((name, index) => [name, index]));
  const columns = new Map();
  for (const name of new Set([...metrics.columns.keys(), ...names])) {
    const index = indices.get(name) ?? -1;
    const odd = Object.hasOwn(nonFinite, name) ? Object.entries(nonFinite[name]) : [];
    if (!metrics.columns.has(name) && odd.length === 0 && rows.every((row) => row[index] === null)) continue;
    const values = own(metrics.columns.get(name), count);
    for (const row of rows) values.push(index < 0 ? null : row[index]);
    for (const [kind, at] of odd) for (const row of at) values[count + row] = NON_FINITE[kind];
    columns.set(name, values);
  }
  return {
    count: count + rows.length,
    columns,
    directions: new Map([...metrics.directions, ...Object.entries(directions)]),
  };
}

/** What GET /training/metrics/runs/{run_id} answers. */
export function fromAnswer({ available_columns: names, data, non_finite, directions }) {
  return append(
    NO_METRICS,
    names,
    data.map((row) => names.map((name) => row[name] ?? null)),
    non_finite,
    directions,
  );
}

/** Ask REST for a run's metrics, of many rows only some with all peaks (null: for all rows); none yet is not wrong. */
export async function fetchMetrics(get, runId, maxPoints) {
  try {
    return fromAnswer(
      await get(
        `training/metrics/runs/${encodeURIComponent(runId)}${maxPoints === null ? "" : `?max_points=${maxPoints}`}`,
      ),
    );
  } catch (error) {
    if (error.problem?.code === 404) return NO_METRICS;
    throw error;
  }
}

/** Forget the rows from `count` on. */
export const truncate = (metrics, count) =>
  count === 0 ? NO_METRICS : { ...metrics, count: Math.min(count, metrics.count) };

/** The best value of a metric, {value, row}, the first of equal ones; null without a direction or a finite value. */
export function bestOf({ count, columns, directions }, name) {
  const [values, direction] = [columns.get(name), directions.get(name)];
  if (values === undefined || direction === undefined) return null;
  let best = -1;
  for (let row = 0; row < count; row += 1) {
    const value = values[row];
    if (!Number.isFinite(value)) continue;
    if (best < 0 || (direction === "lower" ? value < values[best] : value > values[best])) best = row;
  }
  return best < 0 ? null : { value: values[best], row: best };
}

/** The last value of a metric; null where none was logged. */
export function lastOf({ count, columns }, name) {
  const values = columns.get(name) ?? [];
  for (let row = Math.min(count, values.length) - 1; row >= 0; row -= 1) if (values[row] !== null) return values[row];
  return null;
}

/** Where a metric was not finite: [{kind, times, row}], `row` being the first of its kind. */
export function nonFiniteOf({ count, columns }, name) {
  const found = new Map();
  const values = columns.get(name) ?? [];
  for (let row = 0; row < count; row += 1) {
    const value = values[row];
    if (value === null || value === undefined || Number.isFinite(value)) continue;
    const { times, row: first } = found.get(kindOf(value)) ?? { times: 0, row };
    found.set(kindOf(value), { times: times + 1, row: first });
  }
  return [...found].map(([kind, { times, row }]) => ({ kind, times, row }));
}

/** nan, inf or -inf. */
export const kindOf = (value) => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");

/** What each epoch logged of these metrics: Map epoch -> Map name -> its last value, in the order of the epochs. */
export function epochsOf({ count, columns }, names) {
  const numbers = columns.get("epoch") ?? [];
  const found = new Map();
  for (const name of names) {
    const values = columns.get(name);
    for (let row = 0; row < count; row += 1) {
      if (values[row] === null || !Number.isFinite(numbers[row])) continue;
      if (!found.has(numbers[row])) found.set(numbers[row], new Map());
      found.get(numbers[row]).set(name, values[row]);
    }
  }
  return new Map([...found].sort(([a], [b]) => a - b));
}

/** An array that holds exactly `count` values, for us to append to. */
function own(values, count) {
  if (values === undefined) return new Array(count).fill(null);
  return values.length === count ? values : values.slice(0, count);
}
