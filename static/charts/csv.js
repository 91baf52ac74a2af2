/** The metrics of runs as CSV: as logged, blank where nothing was, with nan and inf spelled out. */
import { saveFile } from "../download.js";
import { fetchMetrics } from "../metrics.js";

const SPELLED = new Map([
  [Infinity, "inf"],
  [-Infinity, "-inf"],
]);

/** Fetch all rows of runs and save them as one file. */
export async function saveCsv(get, runs) {
  const whole = await Promise.all(runs.map(async ({ id }) => ({ id, metrics: await fetchMetrics(get, id, null) })));
  saveFile(new Blob([toCsv(whole)], { type: "text/csv" }), whole.length === 1 ? `${whole[0].id}.csv` : "runs.csv");
}

/** With several runs the first column names the run of each row. */
export function toCsv(runs) {
  const names = [...new Set(runs.flatMap(({ metrics }) => [...metrics.columns.keys()]))].sort();
  const isOne = runs.length === 1;
  const rows = [isOne ? names : ["run_id", ...names]];
  for (const { id, metrics } of runs) {
    const columns = names.map((name) => metrics.columns.get(name));
    for (let row = 0; row < metrics.count; row += 1) {
      const cells = columns.map((values) => cell(values?.[row] ?? null));
      rows.push(isOne ? cells : [id, ...cells]);
    }
  }
  return rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

function cell(value) {
  if (value === null) return "";
  return Number.isNaN(value) ? "nan" : (SPELLED.get(value) ?? String(value));
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
