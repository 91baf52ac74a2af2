/** One chart of one group of metrics: uPlot, with a legend of our own that reads out the cursor's place. */
import { make, setText } from "../dom.js";
import { count, metric } from "../format.js";
import { sideOf } from "../series.js";

const { uPlot } = globalThis;
const HEIGHT = 220;
const MAX_POINTS_WITH_DOTS = 60;
const OTHER_COLOURS = ["--series-4", "--series-5", "--series-6"];
const FONT = "12px system-ui, sans-serif";

export class Chart {
  #plot = null;
  #data = null;
  #axis = "";
  #names = [];
  #values = [];

  constructor(title) {
    this.title = title;
    this.place = make("span", { className: "place" });
    this.legend = make("span", { className: "legend" });
    const heading = make("div", { className: "chart-head" }, make("h3", { text: title }), this.place, this.legend);
    this.canvas = make("div", { className: "plot" });
    this.element = make("figure", { className: "chart" }, heading, this.canvas);
    this.#observer.observe(this.canvas);
  }

  #observer = new ResizeObserver(() => this.#plot?.setSize(this.#size()));

  /** Show data aligned over the axis; with other metrics than before, or `isAnew`, the chart is built again. */
  show(axis, names, data, isAnew = false) {
    this.#data = data;
    this.#axis = axis;
    if (isAnew || this.#plot === null || names.join("\n") !== this.#names.join("\n")) this.#build(names);
    else this.#plot.setData(data);
    this.#readOut(this.#plot);
  }

  remove() {
    this.#observer.disconnect();
    this.#plot?.destroy();
    this.element.remove();
  }

  #size() {
    return { width: Math.max(this.canvas.clientWidth, 100), height: HEIGHT };
  }

  #build(names) {
    this.#plot?.destroy();
    this.#names = names;
    const colours = coloursOf(names);
    this.#values = names.map(() => make("b"));
    this.legend.replaceChildren(
      ...names.map((name, i) => {
        const swatch = make("i");
        swatch.style.background = colours[i];
        return make("span", {}, swatch, `${labelOf(name)} `, this.#values[i]);
      }),
    );
    this.#plot = new uPlot(this.#options(colours), this.#data, this.canvas);
  }

  #options(colours) {
    const line = { stroke: colour("--quiet"), font: FONT, ticks: { show: false }, grid: { stroke: colour("--line"), width: 1 } };
    return {
      ...this.#size(),
      padding: [8, 16, 0, 0],
      legend: { show: false },
      scales: { x: { time: false } },
      axes: [
        { ...line, grid: { show: false }, size: 28, values: (_, splits) => splits.map((x) => (Number.isInteger(x) ? count(x) : "")) },
        { ...line, size: 56, values: (_, splits) => splits.map((y) => String(Number(y.toPrecision(6))).replace("-", "\u2212")) },
      ],
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false }, dataIdx: nearestValue },
      hooks: { setCursor: [(plot) => this.#readOut(plot)] },
      series: [{}, ...colours.map(seriesOf)],
    };
  }

  /** Read out the values at the cursor, or else the last ones. */
  #readOut(plot) {
    const at = plot.cursor.idx;
    setText(this.place, at == null ? `by ${this.#axis}` : `${this.#axis} ${count(this.#data[0][at])}`);
    this.#values.forEach((element, i) => {
      const values = this.#data[i + 1];
      const index = at == null ? values.findLastIndex((value) => value !== null) : nearestValue(plot, i + 1, at);
      setText(element, metric(values[index]));
    });
  }
}

function seriesOf(stroke) {
  const isSparse = (plot, index) => plot.data[index].filter((value) => value !== null).length <= MAX_POINTS_WITH_DOTS;
  return { stroke, width: 1.75, spanGaps: true, points: { show: isSparse, size: 5, fill: stroke } };
}

/** The row nearest to `index` in which the series has a value. */
function nearestValue(plot, series, index) {
  const values = plot.data[series];
  if (series === 0 || values[index] != null) return index;
  for (let away = 1; away < values.length; away += 1) {
    if (values[index - away] != null) return index - away;
    if (values[index + away] != null) return index + away;
  }
  return index;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function coloursOf(names) {
  let others = 0;
  const taken = new Set();
  return names.map((name) => {
    const side = sideOf(name);
    if (side !== null && !taken.has(side)) {
      taken.add(side);
      return colour(`--${side}`);
    }
    return colour(OTHER_COLOURS[others++ % OTHER_COLOURS.length]);
  });
}

/** train/loss is told apart by train; a metric of its own by its name. */
function labelOf(name) {
  return name.includes("/") ? name.split("/").slice(0, -1).join("/") + (/_(step|epoch)$/.exec(name)?.[0].replace("_", " ") ?? "") : name;
}
