/** The machine's usage: what each measure is now, and its last ten minutes. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { megabytes, UNKNOWN } from "../format.js";
import { createSparkline, pathsOf, WIDTH } from "../sparkline.js";
import { MAX_SAMPLES } from "../usage.js";

/** The elements of each measure that is shown, by its title. */
const shown = new Map();

export const renderSystem = whenChanged(
  (state) => [state.system, state.usage, state.isLoaded, state.view],
  ({ system, usage, isLoaded, view }) => {
    // The page of a run shows what the run itself uses. Shown before the page is loaded, the section would move.
    byId("system").hidden = !isLoaded || view.name === "run";
    const measures = system === null ? [] : measuresOf(system, usage);
    if (measures.map(({ title }) => title).join() !== [...shown.keys()].join()) build(measures);
    for (const measure of measures) update(shown.get(measure.title), measure);
    const prewarmed = system?.prewarm_memory_mb;
    setText(byId("prewarm"), Number.isFinite(prewarmed) ? `; a prewarmed process holds ${megabytes(prewarmed)}` : "");
  },
);

/** Each measure: its title, its value now as text, its values so far, and the value at the top of its sparkline. */
function measuresOf(system, usage) {
  const { cpu_percent, memory_used_mb, memory_total_mb, disk_free_mb, gpus } = system;
  const memory = `${megabytes(memory_used_mb)} of ${megabytes(memory_total_mb)}`;
  return [
    { title: "CPU", now: `${rounded(cpu_percent)}%`, values: usage.cpu_percent, top: 100 },
    { title: "Memory", now: memory, values: usage.memory_used_mb, top: memory_total_mb },
    { title: "Disk free", now: megabytes(disk_free_mb), values: usage.disk_free_mb, top: highest(usage.disk_free_mb) },
    ...(gpus ?? []).flatMap((gpu, i) => gpuMeasures(gpu, usage.gpus[i])),
  ];
}

function gpuMeasures(gpu, usage) {
  const { index, utilisation_percent, memory_used_mb, memory_total_mb, temperature_c, power_w } = gpu;
  const name = `GPU ${index}`;
  const memory = `${megabytes(memory_used_mb)} of ${megabytes(memory_total_mb)}`;
  return [
    { title: name, now: `${rounded(utilisation_percent)}%`, values: usage.utilisation_percent, top: 100 },
    { title: `${name} memory`, now: memory, values: usage.memory_used_mb, top: memory_total_mb },
    { title: `${name} temperature`, now: `${rounded(temperature_c)} °C`, values: usage.temperature_c, top: 100 },
    { title: `${name} power`, now: `${rounded(power_w)} W`, values: usage.power_w, top: highest(usage.power_w) },
  ];
}

const rounded = (value) => (Number.isFinite(value) ? String(Math.round(value)) : UNKNOWN);

const highest = (values) => Math.max(...values, 1);

function build(measures) {
  shown.clear();
  const rows = measures.map(({ title }) => {
    const [now, spark] = [make("span"), createSparkline()];
    shown.set(title, { now, spark });
    return make("div", {}, make("dt", { text: title }), make("dd", {}, now, spark.element));
  });
  byId("usage").replaceChildren(...rows);
}

function update({ now, spark }, { now: text, values, top }) {
  setText(now, text);
  spark.draw(sparkline(values, top));
}

/** The paths of the last ten minutes, with the newest value at the right edge. */
export function sparkline(values, top) {
  const step = WIDTH / (MAX_SAMPLES - 1);
  return pathsOf(
    values.map((_, i) => WIDTH - (values.length - 1 - i) * step),
    values,
    top,
  );
}
