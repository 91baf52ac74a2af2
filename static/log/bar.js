/** What one can do with the log: search, go to a place, take it along. */
import { make, setText } from "../dom.js";
import { count, percent } from "../format.js";
import { MAX_HITS } from "./search.js";

/**
 * `told`: {searched(text), went(by), placed(offset), downloaded()}. Returns {element, input, show({search, start, end, size})}.
 */
export function createBar(told) {
  const input = make("input", {
    type: "search",
    placeholder: "Search",
    autocomplete: "off",
    spellcheck: false,
    maxLength: 255,
  });
  input.setAttribute("aria-label", "Search the log");
  const found = make("output", { className: "log-found" });
  const before = button("\u2191", "Previous match (Shift+Enter)", () => told.went(-1));
  const after = button("\u2193", "Next match (Enter)", () => told.went(1));
  const place = make("input", { type: "range", min: "0", step: "1" });
  place.setAttribute("aria-label", "Position in the log");
  const where = make("span", { className: "log-where" });
  const first = button("Start", "Go to the start", () => told.placed(0));
  const download = make("button", { type: "button", id: "log-download", className: "small", text: "Download" });
  download.addEventListener("click", told.downloaded);
  const places = make("div", { className: "log-places" }, first, place, where);
  const element = make(
    "div",
    { className: "log-bar" },
    make("div", { className: "log-search" }, input, found, before, after),
    download,
    places,
  );

  input.addEventListener("input", () => told.searched(input.value));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      told.went(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && input.value !== "") {
      input.value = "";
      told.searched("");
    } else {
      return;
    }
    event.preventDefault();
  });
  place.addEventListener("change", () => told.placed(Number(place.value)));
  place.addEventListener("input", () => setText(where, whereText(Number(place.value), Number(place.max))));

  return {
    element,
    input,
    show({ search, start, end, size }) {
      setText(found, foundText(search));
      before.disabled = after.disabled = search.hits.length === 0;
      before.hidden = after.hidden = search.text === "";
      download.hidden = size === 0;
      places.hidden = start === 0 && end >= size;
      place.max = String(size);
      if (document.activeElement !== place || !place.matches(":active")) {
        place.value = String(end >= size ? size : start);
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

/** "3 of 17", while it is still being searched with how far. */
export function foundText({ text, hits, current, isOver, hasFailed, searched, size }) {
  if (text === "") return "";
  if (hasFailed && hits.length === 0) return "Search failed";
  const total = hits.length >= MAX_HITS ? `more than ${count(MAX_HITS)}` : count(hits.length);
  const so = isOver || size === 0 ? "" : `, ${percent(searched / size)} searched`;
  if (hits.length === 0) return isOver ? "No matches" : `No matches yet${so}`;
  return current < 0
    ? `${total} ${hits.length === 1 ? "line" : "lines"}${so}`
    : `${count(current + 1)} of ${total}${so}`;
}

const whereText = (offset, size) => `${sizeText(offset)} of ${sizeText(size)}`;

function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
