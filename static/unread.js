/** What the service could not read of a metrics file, and how the page says so. */
import { count, counted } from "./format.js";

const MAX_NAMED = 3;
const LIST = new Intl.ListFormat("en");

/** `skipped` holds the first of the `numSkipped` lines that have no row, {line, reason}; `problem` says why nothing can be read. */
export const NOTHING_UNREAD = Object.freeze({ problem: null, numSkipped: 0, skipped: [], textColumns: [] });

/** The same from an event or an acknowledgement. */
export const unreadOf = ({ metrics_problem, num_skipped_rows, skipped_rows, text_columns }) => ({
  problem: metrics_problem,
  numSkipped: num_skipped_rows,
  skipped: skipped_rows,
  textColumns: text_columns,
});

/** Say it in plain sentences; empty when everything was read. */
export function sentences({ problem, numSkipped, skipped, textColumns }) {
  if (problem !== null) return withPeriod(problem); // Earlier gaps say nothing about the file as it is now.
  const found = [];
  if (numSkipped > 0) {
    const lines = skipped.map(({ line, reason }) => `line ${line} ${reason}`);
    found.push(`${counted(numSkipped, "row")} skipped: ${firstOf(lines, numSkipped)}`);
  }
  if (textColumns.length > 0) {
    const names = firstOf(textColumns, textColumns.length);
    const isOne = textColumns.length === 1;
    found.push(
      `${isOne ? "Column" : "Columns"} ${names} ${isOne ? "holds text and is" : "hold text and are"} not charted`,
    );
  }
  return found.map(withPeriod).join(" ");
}

const withPeriod = (sentence) => sentence.replace(/\.?$/, ".");

/** Name the first few of `total`, and count the rest. */
function firstOf(names, total) {
  const named = names.slice(0, MAX_NAMED);
  return LIST.format(total > named.length ? [...named, `${count(total - named.length)} more`] : named);
}
