/**
 * A metrics table by column name, because the columns of the file grow in number and change their order.
 *
 * Values are only appended, so states share the arrays: each state sees the first `count` values of a column. A value is a
 * number, which may be NaN or infinite, or null where nothing was logged. A column exists once it has a value.
 * `directions` maps a metric to "lower" or "higher", whichever is better. A metric without a direction has no best value.
 */
const NON_FINITE = { nan: NaN, inf: Infinity, "-inf": -Infinity };

export const NO_METRICS = Object.freeze({ count: 0, columns: new Map(), directions: new Map() });

/**
 * Add rows with values in the order of `names`. JSON writes null for NaN and infinities too, so `nonFinite` says where they
 * were: {column: {nan, inf or -inf: [index in rows]}}.
 */
export function append(metrics, names, rows, nonFinite = {}, directions = {}) {
  const { count } = metrics;
  const indices = new Map(names.map((name, index) => [name, index]));
  const columns = new Map();
  for (const name of new Set([...metrics.columns.keys(), ...names])) {
    const index = indices.get(name) ?? -1;
    const nonFiniteRows = Object.hasOwn(nonFinite, name) ? Object.entries(nonFinite[name]) : [];
    if (!metrics.columns.has(name) && nonFiniteRows.length === 0 && rows.every((row) => row[index] === null)) continue;
    const values = owned(metrics.columns.get(name), count);
    for (const row of rows) values.push(index < 0 ? null : row[index]);
    for (const [kind, at] of nonFiniteRows) for (const row of at) values[count + row] = NON_FINITE[kind];
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

/** Fetch a run's metrics, at most `maxPoints` rows with all peaks, or null for all rows. A run may have none yet. */
export async function fetchMetrics(get, runId, maxPoints) {
  const query = maxPoints === null ? "" : `?max_points=${maxPoints}`;
  try {
    return fromAnswer(await get(`training/metrics/runs/${encodeURIComponent(runId)}${query}`));
  } catch (error) {
    if (error.problem?.code === 404) return NO_METRICS;
    throw error;
  }
}

/** Drop the rows from `count` on. */
export const truncate = (metrics, count) =>
  count === 0 ? NO_METRICS : { ...metrics, count: Math.min(count, metrics.count) };

/** A metric's best value and its first row, {value, row}; null without a direction or a finite value. */
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

/** A metric's last value; null if it was never logged. */
export function lastOf({ count, columns }, name) {
  const values = columns.get(name) ?? [];
  for (let row = Math.min(count, values.length) - 1; row >= 0; row -= 1) if (values[row] !== null) return values[row];
  return null;
}

/** A metric's values that are not finite: [{kind, times, row}], `row` being the first of that kind. */
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

/** The kind of a value that is not finite: nan, inf or -inf. */
export const kindOf = (value) => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");

/** The last value of each metric in each epoch, in the order of the epochs: Map epoch -> Map name -> value. */
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

/** An array of exactly `count` values that we may append to. */
function owned(values, count) {
  if (values === undefined) return new Array(count).fill(null);
  return values.length === count ? values : values.slice(0, count);
}
