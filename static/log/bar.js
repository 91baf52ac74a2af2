/** The bar above the log: search, go to a position, download. */
import { make, setText } from "../dom.js";
import { count, percent } from "../format.js";
import { MAX_HITS } from "./search.js";

/**
 * Return {element, input, show({search, start, end, size})}. `on` has what a person does: searched(text), stepped(by),
 * moved(offset) and downloaded().
 */
export function createBar(on) {
  const input = make("input", {
    type: "search",
    placeholder: "Search",
    autocomplete: "off",
    spellcheck: false,
    maxLength: 255,
  });
  input.setAttribute("aria-label", "Search the log");
  const found = make("output", { className: "log-found" });
  const before = button("\u2191", "Previous match (Shift+Enter)", () => on.stepped(-1));
  const after = button("\u2193", "Next match (Enter)", () => on.stepped(1));
  const position = make("input", { type: "range", min: "0", step: "1" });
  position.setAttribute("aria-label", "Position in the log");
  const where = make("span", { className: "log-where" });
  const first = button("Start", "Go to the start", () => on.moved(0));
  const download = make("button", { type: "button", id: "log-download", className: "small", text: "Download" });
  download.addEventListener("click", on.downloaded);
  const positions = make("div", { className: "log-positions" }, first, position, where);
  const element = make(
    "div",
    { className: "log-bar" },
    make("div", { className: "log-search" }, input, found, before, after),
    download,
    positions,
  );

  input.addEventListener("input", () => on.searched(input.value));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      on.stepped(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && input.value !== "") {
      input.value = "";
      on.searched("");
    } else {
      return;
    }
    event.preventDefault();
  });
  position.addEventListener("change", () => on.moved(Number(position.value)));
  position.addEventListener("input", () => setText(where, whereText(Number(position.value), Number(position.max))));

  return {
    element,
    input,
    show({ search, start, end, size }) {
      setText(found, foundText(search));
      before.disabled = after.disabled = search.hits.length === 0;
      before.hidden = after.hidden = search.text === "";
      download.hidden = size === 0;
      positions.hidden = start === 0 && end >= size;
      position.max = String(size);
      if (document.activeElement !== position || !position.matches(":active")) {
        position.value = String(end >= size ? size : start);
        setText(where, whereText(end >= size ? size : start, size));
      }
    },
  };
}

function button(text, label, clicked) {
  const element = make("button", { type: "button", className: "small", text, title: label });
  element.setAttribute("aria-label", label);
  element.addEventListener("click", clicked);
  return element;
}

/** "3 of 17"; during a search also how much of the log is searched. */
export function foundText({ text, hits, current, isOver, hasFailed, searched, size }) {
  if (text === "") return "";
  if (hasFailed && hits.length === 0) return "Search failed";
  const total = hits.length >= MAX_HITS ? `more than ${count(MAX_HITS)}` : count(hits.length);
  const searching = isOver || size === 0 ? "" : `, ${percent(searched / size)} searched`;
  if (hits.length === 0) return isOver ? "No matches" : `No matches yet${searching}`;
  return current < 0
    ? `${total} ${hits.length === 1 ? "line" : "lines"}${searching}`
    : `${count(current + 1)} of ${total}${searching}`;
}

const whereText = (offset, size) => `${sizeText(offset)} of ${sizeText(size)}`;

function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
