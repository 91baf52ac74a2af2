/**
 * What a run's processes and GPUs use over its whole time: what GET /training/runs/{run_id}/usage answers, continued by
 * the event `system`. Pure.
 */

/** With more rows than this the service has merged its own, so it is time to ask again. */
export const MANY_ROWS = 1400;
const MAX_ROWS = 2 * MANY_ROWS;
const OF_RUN = ["cpu_percent", "memory_mb"];
const OF_GPU = ["utilisation_percent", "memory_used_mb", "power_w", "temperature_c"];

/** `rows` are [{time, cpu_percent, memory_mb, gpus: [{index, ...}]}], oldest first; the answer's rows cover `everyS`. */
export const NO_RUN_USAGE = Object.freeze({ everyS: 2, rows: [] });

/** Take in the service's answer. Of our own samples only those after its end are still needed. */
export function withAnswer({ rows }, answer) {
  const end = answer.times.at(-1) ?? -Infinity;
  return {
    everyS: answer.every_s,
    rows: [...answer.times.map(rowOf(answer)), ...rows.filter(({ time }) => time > end)],
  };
}

const rowOf = (answer) => (time, i) => ({
  time,
  ...Object.fromEntries(OF_RUN.map((name) => [name, answer[name][i]])),
  gpus: answer.gpus.map((gpu) => ({
    index: gpu.index,
    ...Object.fromEntries(OF_GPU.map((name) => [name, gpu[name][i]])),
  })),
});

/** Add the run's part of an event `system`, if it has one. */
export function withSystem(usage, system, runId) {
  const sample = system.runs?.find(({ run_id }) => run_id === runId);
  if (sample === undefined) return usage;
  const gpus = system.gpus.filter(({ index }) => sample.gpus.includes(index));
  const { cpu_percent, memory_mb } = sample;
  const row = { time: system.time, cpu_percent, memory_mb, gpus };
  return { ...usage, rows: [...usage.rows, row].slice(-MAX_ROWS) };
}

/** The measures of some rows: [{title, unit, isPeak, values}]. Of what `isPeak` the highest value matters, else the mean. */
export function measuresOf(rows) {
  const indices = [...new Set(rows.flatMap(({ gpus }) => gpus.map(({ index }) => index)))].sort((a, b) => a - b);
  const of = (name) => rows.map((row) => row[name] ?? null);
  return [
    { title: "CPU (100% = one core)", unit: "percent", isPeak: false, values: of("cpu_percent") },
    { title: "Memory", unit: "megabytes", isPeak: true, values: of("memory_mb") },
    ...indices.flatMap((index) => gpuMeasures(rows, index)),
  ];
}

function gpuMeasures(rows, index) {
  const ours = rows.map(({ gpus }) => gpus.find((gpu) => gpu.index === index));
  const of = (name) => ours.map((gpu) => gpu?.[name] ?? null);
  return [
    { title: `GPU ${index}`, unit: "percent", isPeak: false, values: of("utilisation_percent") },
    { title: `GPU ${index} memory`, unit: "megabytes", isPeak: true, values: of("memory_used_mb") },
    { title: `GPU ${index} temperature`, unit: "celsius", isPeak: true, values: of("temperature_c") },
    { title: `GPU ${index} power`, unit: "watts", isPeak: false, values: of("power_w") },
  ];
}

/** The highest, the mean and the last of the values that are known; null if none is. */
export function statisticsOf(values) {
  const known = values.filter(Number.isFinite);
  if (known.length === 0) return null;
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  return { mean, highest: Math.max(...known), last: known.at(-1) };
}
