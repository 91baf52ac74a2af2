/**
 * The rows of a metrics CSV, kept by column name, because columns widen and change their order.
 *
 * Values are only ever appended, so states share the arrays: each state sees the first `count` values of a column.
 */
export const NO_METRICS = Object.freeze({ count: 0, columns: new Map() });

/** Add rows that are aligned with `names`. What a row has no column for is null, as is what was not logged. */
export function append(metrics, names, rows) {
  const { count } = metrics;
  const columns = new Map();
  for (const name of new Set([...metrics.columns.keys(), ...names])) {
    const values = own(metrics.columns.get(name), count);
    const index = names.indexOf(name);
    for (const row of rows) values.push(index < 0 ? null : row[index]);
    columns.set(name, values);
  }
  return { count: count + rows.length, columns };
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
