/** The machine's load over time: the shape of GET /training/system, continued by the event `system`. Pure. */

export const MAX_SAMPLES = 600;
const OF_MACHINE = ["cpu_percent", "memory_used_mb", "disk_free_mb"];
const OF_GPU = ["utilisation_percent", "memory_used_mb", "temperature_c", "power_w"];

const empty = (names) => Object.fromEntries(names.map((name) => [name, []]));
const last = (values) => values.slice(-MAX_SAMPLES);

export const NO_LOAD = Object.freeze({ ...empty(OF_MACHINE), gpus: [] });

/** Add what was measured just now. */
export function withSample(load, system) {
  const longer = (of, names, sample) =>
    Object.fromEntries(names.map((name) => [name, last([...of[name], sample[name] ?? null])]));
  const gpus = (system.gpus ?? []).map((gpu, i) => ({
    index: gpu.index,
    ...longer(load.gpus[i] ?? empty(OF_GPU), OF_GPU, gpu),
  }));
  return { ...longer(load, OF_MACHINE, system), gpus };
}

/**
 * Put what the service remembers where our own samples were: it has measured them too, so of ours only those count that
 * came after the answer, which none has.
 */
export function before(answer, ours) {
  return answer.cpu_percent.length >= ours.cpu_percent.length ? answer : ours;
}
