/**
 * The log of a run, of any length: its end live, and any other part when a person goes there. It follows the end until the
 * person scrolls up. Only a window of a few thousand rows is loaded and in the document.
 *
 * `createLog(container, {load, search, download})` fills an element. `load(offset, limit, fromLine)` and `search(text,
 * offset)` resolve with REST's answers. Call `render({generation, nextOffset, chunks})` with the state's log. A new generation
 * is another log, or the same one after a gap.
 */
import { make } from "../dom.js";
import { createBar } from "./bar.js";
import { RowElements, rangesOf } from "./rows.js";
import { LogSearch } from "./search.js";
import { LogWindow, MAX_ROWS } from "./window.js";

const CHUNK_BYTES = 64 * 1024;
/** Closer than this to the end of the window, the next chunk is loaded. */
const AHEAD_PX = 600;
const SEARCH_AFTER_MS = 200;
const HIGHLIGHT_EVERY_MS = 200;
const HIGHLIGHT = "log-match";

export function createLog(container, { load, search: ask, download }) {
  const search = new LogSearch(ask, renderBar);
  const bar = createBar({ searched, stepped, moved: (offset) => goTo(offset), downloaded: download });
  const list = make("div", { id: "log", tabIndex: 0 });
  for (const [name, value] of [
    ["role", "log"],
    ["aria-live", "off"],
    ["aria-label", "Log"],
  ])
    list.setAttribute(name, value);
  const follow = make("button", {
    type: "button",
    id: "log-follow",
    className: "small",
    text: "Follow \u2193",
    hidden: true,
  });
  container.replaceChildren(bar.element, make("div", { className: "log-frame" }, list, follow));

  let [generation, size, chunks, liveEnd, loading, searchTimer] = [null, 0, [], 0, null, 0];
  let isHighlightDue = false;
  let [shown, elements, isFollowing] = [new LogWindow(), new RowElements(), true];

  list.addEventListener("scroll", scrolled, { passive: true });
  follow.addEventListener("click", toEnd);
  container.addEventListener("keydown", keyed);

  function render(log) {
    if (log.generation !== generation) begin(log);
    [chunks, liveEnd] = [log.chunks, log.nextOffset];
    size = Math.max(size, log.nextOffset);
    takeLive();
    renderBar();
    if (search.text !== "" && size > search.size) search.resume();
  }

  function begin(log) {
    [generation, size] = [log.generation, 0];
    reset(log.chunks[0]?.offset ?? 0);
    isFollowing = true;
    if (search.text !== "") search.begin(search.text);
  }

  function reset(offset) {
    loading = null;
    shown = new LogWindow(offset);
    elements = new RowElements();
    list.replaceChildren(...shown.rows.map((row) => elements.of(row)));
  }

  /** Append the live chunks that continue the window; while a person reads further up, only as many as there is room for. */
  function takeLive() {
    const isContinued = shown.end === liveEnd || chunks.some(({ offset }) => offset === shown.end);
    if (isFollowing && !isContinued) reset(chunks[0]?.offset ?? liveEnd);
    const roomFor = isFollowing ? Infinity : 2 * MAX_ROWS;
    for (const chunk of chunks) if (chunk.offset === shown.end && shown.rows.length < roomFor) append(chunk);
    if (isFollowing) {
      remove(shown.cutStart());
      list.scrollTop = list.scrollHeight;
    }
    follow.hidden = isFollowing;
    highlight();
  }

  function append(chunk) {
    const changed = shown.append(chunk);
    for (const row of changed) elements.update(row);
    let index = list.childElementCount;
    while (index < shown.rows.length) list.append(elements.of(shown.rows[index++]));
  }

  function remove(rows) {
    for (const row of rows) elements.of(row).remove();
  }

  function scrolled() {
    const below = list.scrollHeight - list.scrollTop - list.clientHeight;
    isFollowing = below < 24 && shown.end >= size;
    follow.hidden = isFollowing;
    if (list.scrollTop < AHEAD_PX && shown.start > 0) loadBefore();
    else if (below < AHEAD_PX && shown.end < size) loadAfter();
    renderBar();
  }

  /** Load one chunk at a time, and ignore it if the person has gone elsewhere meanwhile. */
  async function loadChunk(offset, limit, fromLine, take) {
    if (loading !== null) return;
    const own = {};
    loading = own;
    const chunk = await load(offset, limit, fromLine).catch(() => null);
    if (loading !== own) return;
    loading = null;
    if (chunk === null) return;
    size = Math.max(size, chunk.size);
    take(chunk);
    highlight();
    renderBar();
  }

  function loadBefore() {
    const end = shown.start;
    const offset = Math.max(0, end - CHUNK_BYTES);
    return loadChunk(offset, end - offset, true, (chunk) => {
      if (chunk.next_offset !== end || chunk.offset === end) return;
      const rows = shown.prepend(chunk);
      keepScroll(() => {
        list.prepend(...rows.map((row) => elements.of(row)));
        remove(shown.cutEnd());
      });
    });
  }

  function loadAfter() {
    return loadChunk(shown.end, CHUNK_BYTES, false, (chunk) => {
      if (chunk.offset !== shown.end) return;
      keepScroll(() => {
        append(chunk);
        remove(shown.cutStart());
      });
      takeLive();
    });
  }

  /** Change the rows, and keep what the person sees in its place. */
  function keepScroll(change) {
    const anchor =
      [...list.children].find((element) => element.offsetTop + element.offsetHeight > list.scrollTop) ??
      list.firstElementChild;
    const above = anchor.offsetTop - list.scrollTop;
    change();
    if (anchor.parentNode === list) list.scrollTop = anchor.offsetTop - above;
  }

  function toEnd() {
    isFollowing = true;
    takeLive();
    list.focus({ preventScroll: true });
  }

  /** Scroll to the line at an offset; load it first if need be. */
  async function goTo(offset) {
    isFollowing = false;
    if (shown.rowAt(offset) === undefined) {
      loading = null;
      const start = Math.max(0, Math.min(offset, size) - CHUNK_BYTES / 2);
      await loadChunk(start, CHUNK_BYTES, start > 0, (chunk) => {
        reset(chunk.offset);
        append(chunk);
      });
    }
    const row = shown.rowAt(offset) ?? shown.rows.at(-1);
    const element = elements.of(row);
    list.scrollTop = element.offsetTop - (list.clientHeight - element.offsetHeight) / 2;
    scrolled();
    return element;
  }

  function searched(text) {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(() => search.begin(text), text === "" ? 0 : SEARCH_AFTER_MS);
  }

  async function stepped(by) {
    if (bar.input.value !== search.text) {
      clearTimeout(searchTimer);
      await search.begin(bar.input.value);
    }
    const hit = search.go(by, shown.rows[0].offset);
    if (hit === null) return;
    const element = await goTo(hit);
    for (const each of list.querySelectorAll(".is-current")) each.classList.remove("is-current");
    element.classList.add("is-current");
    highlight();
    renderBar();
  }

  /** Mark the matches in the window. The browser draws them without changing the text. */
  function highlight() {
    if (!globalThis.CSS?.highlights) return;
    if (search.text === "") CSS.highlights.delete(HIGHLIGHT);
    else if (!isHighlightDue) setTimeout(highlightAll, HIGHLIGHT_EVERY_MS);
    isHighlightDue ||= search.text !== "";
  }

  function highlightAll() {
    isHighlightDue = false;
    const ranges = search.text === "" ? [] : [...list.children].flatMap((element) => rangesOf(element, search.text));
    CSS.highlights.set(HIGHLIGHT, new Highlight(...ranges));
  }

  function keyed(event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "f" && !event.shiftKey) {
      event.preventDefault();
      bar.input.select();
    } else if (event.target === list && event.key === "Home") {
      event.preventDefault();
      goTo(0);
    } else if (event.target === list && event.key === "End") {
      event.preventDefault();
      toEnd();
    }
  }

  let markedFor = "";

  function renderBar() {
    bar.show({ search, start: shown.start, end: shown.end, size });
    if (search.text !== markedFor) highlight();
    markedFor = search.text;
  }

  return { render };
}
