/** The machine's usage over time: what GET /training/system answers, continued by the event `system`. Pure. */

export const MAX_SAMPLES = 600;
const MACHINE_MEASURES = ["cpu_percent", "memory_used_mb", "disk_free_mb"];
const GPU_MEASURES = ["utilisation_percent", "memory_used_mb", "temperature_c", "power_w"];

const empty = (names) => Object.fromEntries(names.map((name) => [name, []]));

export const NO_USAGE = Object.freeze({ ...empty(MACHINE_MEASURES), gpus: [] });

/** Add the newest sample, an event `system`. A measure that it lacks becomes null. */
export function withSample(usage, system) {
  const gpus = (system.gpus ?? []).map((gpu, i) => ({
    index: gpu.index,
    ...appended(usage.gpus[i] ?? empty(GPU_MEASURES), GPU_MEASURES, gpu),
  }));
  return { ...appended(usage, MACHINE_MEASURES, system), gpus };
}

const appended = (series, names, sample) =>
  Object.fromEntries(names.map((name) => [name, [...series[name], sample[name] ?? null].slice(-MAX_SAMPLES)]));

/** Choose between the service's history and our own samples: it includes ours, unless they go back further. */
export function longer(history, ours) {
  return history.cpu_percent.length >= ours.cpu_percent.length ? history : ours;
}
