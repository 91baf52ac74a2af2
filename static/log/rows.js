/** The rows of a log as elements. A program's output enters as text only. */
import { make } from "../dom.js";

const FLAGS = ["bold", "dim", "italic", "underline", "inverse", "strike"];

/** An element for each row, which lives as long as the row. */
export class RowElements {
  #elements = new WeakMap();

  of(row) {
    if (!this.#elements.has(row)) this.update(row);
    return this.#elements.get(row);
  }

  /** Draw a row that has changed. */
  update(row) {
    const element = this.#elements.get(row) ?? make("div", { className: "row" });
    element.replaceChildren(...row.runs.map(({ text, style }) => (style === null ? text : span(text, style))));
    this.#elements.set(row, element);
  }
}

function span(text, style) {
  const element = make("span", {
    text,
    className: FLAGS.filter((flag) => style[flag])
      .map((flag) => `sgr-${flag}`)
      .join(" "),
  });
  for (const ground of ["fg", "bg"]) {
    const colour = style[ground];
    if (colour === undefined) continue;
    const isOfTheme = typeof colour === "number";
    element.classList.add(isOfTheme ? `sgr-${ground}` : `sgr-${ground}-own`);
    element.style.setProperty(`--sgr-${ground}`, isOfTheme ? `var(--sgr-${colour})` : colour);
  }
  return element;
}

/** The ranges of a text in an element, also across its spans. ASCII letters match in either case. */
export function rangesOf(element, text) {
  const nodes = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) nodes.push(walker.currentNode);
  const whole = folded(nodes.map(({ data }) => data).join(""));
  const wanted = folded(text);
  const ranges = [];
  for (let at = whole.indexOf(wanted); at >= 0 && wanted !== ""; at = whole.indexOf(wanted, at + wanted.length))
    ranges.push(rangeOf(nodes, at, at + wanted.length));
  return ranges;
}

/** Fold ASCII letters only, as the service does: others may change their length. */
const folded = (text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

function rangeOf(nodes, start, end) {
  const range = document.createRange();
  let at = 0;
  for (const node of nodes) {
    if (start >= at && start < at + node.length) range.setStart(node, start - at);
    if (end > at && end <= at + node.length) range.setEnd(node, end - at);
    at += node.length;
  }
  return range;
}
