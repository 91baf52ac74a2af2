/** One line about the machine. */
import { byId, setText, whenChanged } from "../dom.js";
import { UNKNOWN, gigabytes } from "../format.js";

export const renderSystem = whenChanged(
  (state) => [state.system],
  ({ system }) => setText(byId("system"), system === null ? "" : describe(system).join("  ·  ")),
);

function describe({ cpu_percent, memory_used_mb, memory_total_mb, disk_free_mb, gpus }) {
  return [
    `CPU ${whole(cpu_percent)} %`,
    `memory ${gigabytes(memory_used_mb)} of ${gigabytes(memory_total_mb)} GB`,
    `${gigabytes(disk_free_mb)} GB disk free`,
    ...(gpus ?? []).map(ofGpu),
  ];
}

function ofGpu({ index, utilisation_percent, memory_used_mb, memory_total_mb, temperature_c, power_w }) {
  const memory = `${gigabytes(memory_used_mb)} of ${gigabytes(memory_total_mb)} GB`;
  return `GPU ${index}: ${whole(utilisation_percent)} %, ${memory}, ${whole(temperature_c)} °C, ${whole(power_w)} W`;
}

const whole = (value) => (Number.isFinite(value) ? String(Math.round(value)) : UNKNOWN);
