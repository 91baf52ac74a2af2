/** The machine: what each of its parts does now, and did over the last ten minutes. */
import { byId, make, makeSvg, setText, whenChanged } from "../dom.js";
import { bytes, gigabytes, UNKNOWN } from "../format.js";
import { MAX_SAMPLES } from "../load.js";
import { isActive } from "../state.js";

const WIDTH = 120;
const HEIGHT = 28;

/** By its title: the elements of one measure. */
const shown = new Map();

export const renderSystem = whenChanged(
  (state) => [state.system, state.load, state.isLoaded, state.view, isActive(state.run)],
  ({ system, load, isLoaded, view, run }) => {
    // What the machine does now says nothing about a run that is over. Before anything is loaded it would move.
    byId("system").hidden = !isLoaded || (view.name === "run" && !isActive(run));
    const measures = system === null ? [] : measuresOf(system, load);
    if (measures.map(({ title }) => title).join() !== [...shown.keys()].join()) build(measures);
    for (const measure of measures) update(shown.get(measure.title), measure);
    setText(byId("prewarm"), waiting(system?.prewarm_memory_mb));
  },
);

/** What is shown of each: title, what it is now in words, its values, and the value that is the top of its line. */
function measuresOf(system, load) {
  const { cpu_percent, memory_used_mb, memory_total_mb, disk_free_mb, gpus } = system;
  return [
    { title: "CPU", now: `${whole(cpu_percent)}%`, values: load.cpu_percent, top: 100 },
    {
      title: "Memory",
      now: `${gigabytes(memory_used_mb)} of ${gigabytes(memory_total_mb)} GB`,
      values: load.memory_used_mb,
      top: memory_total_mb,
    },
    {
      title: "Disk free",
      now: `${gigabytes(disk_free_mb)} GB`,
      values: load.disk_free_mb,
      top: Math.max(...load.disk_free_mb, 1),
    },
    ...(gpus ?? []).flatMap((gpu, i) => ofGpu(gpu, load.gpus[i])),
  ];
}

/** The memory of the process that waits for the next start, if there is one. */
const waiting = (megabytes) =>
  Number.isFinite(megabytes) ? `; ${bytes(1e6 * megabytes)} of memory hold a prewarmed process` : "";

function ofGpu({ index, utilisation_percent, memory_used_mb, memory_total_mb, temperature_c, power_w }, load) {
  return [
    { title: `GPU ${index}`, now: `${whole(utilisation_percent)}%`, values: load.utilisation_percent, top: 100 },
    {
      title: `GPU ${index} memory`,
      now: `${gigabytes(memory_used_mb)} of ${gigabytes(memory_total_mb)} GB`,
      values: load.memory_used_mb,
      top: memory_total_mb,
    },
    { title: `GPU ${index} temperature`, now: `${whole(temperature_c)} °C`, values: load.temperature_c, top: 100 },
    {
      title: `GPU ${index} power`,
      now: `${whole(power_w)} W`,
      values: load.power_w,
      top: Math.max(...load.power_w, 1),
    },
  ];
}

function build(measures) {
  shown.clear();
  const rows = measures.map(({ title }) => {
    const area = makeSvg("path", { class: "spark-area" });
    const line = makeSvg("path", { class: "spark-line" });
    const spark = makeSvg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      area,
      line,
    );
    const now = make("span");
    shown.set(title, { now, area, line });
    return make("div", {}, make("dt", { text: title }), make("dd", {}, now, spark));
  });
  byId("loads").replaceChildren(...rows);
}

function update({ now, area, line }, { now: text, values, top }) {
  setText(now, text);
  const path = sparkline(values, top);
  line.setAttribute("d", path.line);
  area.setAttribute("d", path.area);
}

/** The newest value is at the right edge; what is not known is a gap. */
export function sparkline(values, top) {
  const step = WIDTH / (MAX_SAMPLES - 1);
  const left = WIDTH - (values.length - 1) * step;
  const pieces = [];
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    const isBegin = i === 0 || !Number.isFinite(values[i - 1]);
    if (isBegin) pieces.push([]);
    const share = Math.min(1, Math.max(0, value / (top || 1)));
    pieces.at(-1).push([(left + i * step).toFixed(2), (HEIGHT - 1 - share * (HEIGHT - 2)).toFixed(2)]);
  });
  const line = pieces.map((points) => `M${points.map((point) => point.join(" ")).join("L")}`).join("");
  const area = pieces
    .map(
      (points) =>
        `M${points[0][0]} ${HEIGHT}L${points.map((point) => point.join(" ")).join("L")}L${points.at(-1)[0]} ${HEIGHT}Z`,
    )
    .join("");
  return { line, area };
}

const whole = (value) => (Number.isFinite(value) ? String(Math.round(value)) : UNKNOWN);
