/** One chart: heading, legend, plot, and the same in words. */
import { make, setText } from "../dom.js";
import { wireGestures } from "./gestures.js";
import { saveImage } from "./image.js";
import { Legend } from "./legend.js";
import { nearestOf } from "./lines.js";
import { createPlot, dataOf } from "./plot.js";
import { positionText, summaryOf, valueText } from "./summary.js";

const SUMMARY_EVERY_MS = 1000;
let numCharts = 0;

export class Chart {
  #plot = null;
  #built = null;
  #shown = null;
  #on;
  #summarised = 0;
  #width = 0;
  #resized = new ResizeObserver(() => this.#resize());

  /** `on` has what a person does, zoomed(view or null), toggled(key, otherKeys, isAlone) and resized(), and also range(). */
  constructor(title, palette, syncKey, on) {
    this.title = title;
    this.palette = palette;
    this.syncKey = syncKey;
    this.#on = on;
    this.#make();
  }

  #make() {
    numCharts += 1;
    const id = `chart-words-${numCharts}`;
    this.position = make("span", { className: "chart-position" });
    this.legend = new Legend((key, isAlone) => this.#on.toggled(key, this.legend.keys(), isAlone));
    const save = make("button", {
      type: "button",
      className: "small plain chart-save",
      text: "PNG",
      title: "Save this chart as an image",
    });
    save.setAttribute("aria-label", `Save the chart of ${this.title} as PNG`);
    save.addEventListener("click", () =>
      saveImage(this.#plot, {
        title: this.title,
        axis: this.#shown.axis,
        lines: this.#shown.lines,
        palette: this.palette,
      }),
    );
    this.canvas = make("div", { className: "plot", tabIndex: 0 });
    this.words = make("p", { className: "visually-hidden", id });
    this.spoken = make("p", { className: "visually-hidden" });
    this.spoken.setAttribute("aria-live", "polite");
    const attributes = {
      role: "group",
      "aria-roledescription": "chart",
      "aria-label": `${this.title}. Arrow keys read values, plus and minus zoom.`,
      "aria-describedby": id,
    };
    for (const [name, value] of Object.entries(attributes)) this.canvas.setAttribute(name, value);
    const head = make("div", { className: "chart-head" }, make("h3", { text: this.title }), this.position, save);
    this.element = make("div", { className: "chart" }, head, this.legend.element, this.canvas, this.words, this.spoken);
  }

  /** Show {lines, hidden, axis, view, smoothing, isLog}: draw the lines that are not hidden. */
  show(shown) {
    const visible = shown.lines.filter(({ key }) => !shown.hidden.has(key));
    const lines = [...visible.filter(({ isThin }) => isThin), ...visible.filter(({ isThin }) => !isThin)]; // Thin ones behind.
    this.#width ||= this.canvas.clientWidth; // Read once: it makes the browser lay out the whole page.
    this.#shown = { ...shown, lines, colour: this.palette.colour, ...dataOf(lines, { ...shown, width: this.#width }) };
    this.canvas.dataset.numPoints = this.#shown.numPoints;
    this.legend.show(shown.lines, shown.hidden, this.palette.colour);
    this.#draw();
    this.#showValues(this.#plot);
    this.#summarise();
  }

  /** Remove the plot until the chart is shown again: hundreds of them would fill the browser's memory. */
  release() {
    clearTimeout(this.#summarised);
    this.#summarised = 0;
    this.#resized.disconnect();
    this.#plot?.destroy();
    this.#plot = null;
    this.#width = 0;
  }

  remove() {
    this.release();
    this.element.remove();
  }

  #draw() {
    const { lines, smoothing, isLog, axis, data } = this.#shown;
    const build = JSON.stringify([
      lines.map(({ key, tone, dash, isThin }) => [key, tone, dash, isThin]),
      smoothing > 0,
      isLog,
      axis,
    ]);
    if (this.#plot !== null && build === this.#built) {
      this.#plot.setData(data);
      return;
    }
    this.#plot?.destroy();
    this.#built = build;
    const on = { moved: (plot) => this.#showValues(plot), zoomed: this.#on.zoomed };
    this.#plot = createPlot(this.canvas, () => this.#shown, on, this.syncKey);
    this.#resized.observe(this.canvas);
    const over = this.#plot.over;
    wireGestures(this.canvas, over, {
      plot: () => this.#plot,
      shown: () => this.#shown,
      range: this.#on.range,
      zoomed: this.#on.zoomed,
      moved: (x) => this.#moveTo(x),
    });
  }

  #resize() {
    this.#width = this.canvas.clientWidth;
    if (this.#plot === null || this.#width === 0) return;
    this.#plot.setSize({ width: this.#width, height: this.canvas.clientHeight });
    this.#on.resized();
  }

  /** Move the cursor of all charts to x, and have a screen reader read the values there. */
  #moveTo(x) {
    if (x === null) return;
    this.#plot.setCursor({ left: this.#plot.valToPos(x, "x"), top: 1 }, true, true);
    const values = this.#shown.lines.map((line) => `${line.label} ${valueText(line, this.#shown.axis, x)}`);
    setText(this.spoken, `${positionText(this.#shown.axis, x)}: ${values.join(", ")}`);
  }

  /** Show the values at the cursor, or else the last ones. */
  #showValues(plot) {
    const isOver = plot?.cursor.idx != null && plot.cursor.left >= 0;
    const x = isOver ? plot.posToVal(plot.cursor.left, "x") : null;
    const { lines, axis } = this.#shown;
    const found = isOver ? nearestOf(lines, x) : null;
    setText(this.position, found === null ? `by ${axis}` : positionText(axis, found));
    this.legend.write(lines, (line) => valueText(line, axis, found ?? line.points.xs.at(-1)), axis);
  }

  /** Describe the chart in words, but not more often than anybody could listen. */
  #summarise() {
    if (this.#summarised) return;
    const write = () => {
      this.#summarised = 0;
      setText(this.words, summaryOf(this.title, this.#shown.axis, this.#shown.lines));
    };
    if (this.words.textContent === "") write();
    else this.#summarised = setTimeout(write, SUMMARY_EVERY_MS);
  }
}
