/** The machine's usage: what each measure is now, and its last ten minutes. */
import { byId, make, makeSvg, setText, whenChanged } from "../dom.js";
import { megabytes, UNKNOWN } from "../format.js";
import { isActive } from "../state.js";
import { MAX_SAMPLES } from "../usage.js";

const WIDTH = 120;
const HEIGHT = 28;

/** The elements of each measure that is shown, by its title. */
const shown = new Map();

export const renderSystem = whenChanged(
  (state) => [state.system, state.usage, state.isLoaded, state.view, isActive(state.run)],
  ({ system, usage, isLoaded, view, run }) => {
    // The usage now says nothing about a run that has ended. Shown before the page is loaded, it would move.
    byId("system").hidden = !isLoaded || (view.name === "run" && !isActive(run));
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
    const area = makeSvg("path", { class: "spark-area" });
    const line = makeSvg("path", { class: "spark-line" });
    const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    const now = make("span");
    shown.set(title, { now, area, line });
    return make("div", {}, make("dt", { text: title }), make("dd", {}, now, makeSvg("svg", box, area, line)));
  });
  byId("usage").replaceChildren(...rows);
}

function update({ now, area, line }, { now: text, values, top }) {
  setText(now, text);
  const paths = sparkline(values, top);
  line.setAttribute("d", paths.line);
  area.setAttribute("d", paths.area);
}

/** The paths of a sparkline, with the newest value at the right edge. A value that is unknown leaves a gap. */
export function sparkline(values, top) {
  const step = WIDTH / (MAX_SAMPLES - 1);
  const left = WIDTH - (values.length - 1) * step;
  const parts = [];
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    const isFirst = i === 0 || !Number.isFinite(values[i - 1]);
    if (isFirst) parts.push([]);
    const share = Math.min(1, Math.max(0, value / (top || 1)));
    parts.at(-1).push([(left + i * step).toFixed(2), (HEIGHT - 1 - share * (HEIGHT - 2)).toFixed(2)]);
  });
  const joined = (points) => points.map((point) => point.join(" ")).join("L");
  const line = parts.map((points) => `M${joined(points)}`);
  const area = parts.map((points) => `M${points[0][0]} ${HEIGHT}L${joined(points)}L${points.at(-1)[0]} ${HEIGHT}Z`);
  return { line: line.join(""), area: area.join("") };
}
