/** The legend of a chart: each line's label and value at the cursor, and a button that shows or hides it. */
import { make, setText } from "../dom.js";
import { bestText, nonFiniteText } from "./summary.js";

export class Legend {
  #entries = new Map();
  #toggled;

  /** `toggled(key, isAlone)` is called when a person shows or hides a line, or with `isAlone` wants only that one. */
  constructor(toggled) {
    this.#toggled = toggled;
    this.element = make("ul", { className: "legend" });
    this.element.setAttribute("aria-label", "Lines");
  }

  show(lines, hidden, colour) {
    const keys = new Set(lines.map(({ key }) => key));
    for (const [key, { item }] of this.#entries) {
      if (keys.has(key)) continue;
      item.remove();
      this.#entries.delete(key);
    }
    lines.forEach((line, i) => {
      if (!this.#entries.has(line.key)) this.#entries.set(line.key, this.#make(line));
      const { item, button, swatch, label } = this.#entries.get(line.key);
      if (this.element.children[i] !== item) this.element.insertBefore(item, this.element.children[i] ?? null);
      setText(label, line.label);
      button.setAttribute("aria-pressed", String(!hidden.has(line.key)));
      swatch.style.borderTopColor = colour(line.tone);
      swatch.style.borderTopStyle = line.dash.length ? "dashed" : "solid";
      swatch.className = line.isThin ? "is-thin" : "";
    });
  }

  /** Write `valueText(line)` for each drawn line, with its best value and its values that are not finite. */
  write(lines, valueText, axis) {
    const drawn = new Map(lines.map((line) => [line.key, line]));
    for (const [key, entry] of this.#entries) {
      const line = drawn.get(key);
      setText(entry.value, line === undefined ? "" : valueText(line));
      if (line === undefined) continue;
      setText(entry.note, [bestText(line.best, axis), nonFiniteText(line.nonFinite, axis)].filter(Boolean).join(", "));
    }
  }

  keys() {
    return [...this.#entries.keys()];
  }

  #make({ key, label: text }) {
    const [swatch, label, value, note] = [make("i"), make("span", { text }), make("b"), make("small")];
    const button = make(
      "button",
      { type: "button", className: "legend-entry", title: "Show or hide. Shift+click shows only this one." },
      swatch,
      label,
      value,
    );
    button.addEventListener("click", (event) => this.#toggled(key, event.shiftKey));
    return { item: make("li", {}, button, note), button, swatch, label, value, note };
  }
}
