/** All runs: a table of which only the rows in view exist, sorted and filtered by the service. */
import { byId, make, setText } from "../dom.js";
import { count, duration, experimentName, metric, shortMoment } from "../format.js";
import { Pages } from "../pages.js";
import { pathOfComparison, pathOfRun } from "../router.js";
import { byImportance, sideOf } from "../series.js";

const MORE_ROWS = 10;
const MAX_METRICS = 3;
const ASK_AFTER_MS = 200;

/** Each column: what it is sorted by, its heading, the sort that a first click means, and the cell of a run. */
const COLUMNS = [
  { key: "status", title: "State", first: "", cell: (run) => stateCell(run) },
  { key: "config_name", title: "Experiment", first: "", cell: (run) => nameCell(run) },
  { key: "dataset", title: "Dataset", first: "", className: "wide", cell: (run) => run.dataset ?? "" },
  { key: "model_name", title: "Model name", first: "", className: "wider", cell: (run) => run.model_name ?? "" },
  { key: "created_at", title: "Started", first: "-", className: "number", cell: (run) => startCell(run) },
  { key: "duration_s", title: "Duration", first: "-", className: "number wide", cell: (run) => (run.duration_s === null ? "" : duration(run.duration_s)) },
];

export class Runs {
  #query = { search: "", status: "", sort: "" };
  #pages;
  #metrics = [];
  #replace;
  #timer = null;
  #isScheduled = false;
  #shown = "";
  /** The ids of the runs that were chosen to be compared, whichever are in view. */
  #chosen = new Set();

  /** `fetchPage(query, offset, limit)` resolves with {items, total} or null; `replace(query)` puts it into the address. */
  constructor({ fetchPage, replace }) {
    this.#pages = new Pages((offset, limit) => fetchPage(this.#query, offset, limit), () => this.#arrived());
    this.#replace = replace;
    byId("runs-scroll").addEventListener("scroll", () => this.#schedule(), { passive: true });
    new ResizeObserver(() => this.#schedule()).observe(byId("runs-scroll"));
    byId("runs-search").addEventListener("input", (event) => this.#change({ search: event.target.value.trim() }));
    byId("runs-status").addEventListener("change", (event) => this.#change({ status: event.target.value }));
    byId("runs-body").addEventListener("change", ({ target }) => this.#choose(target.value, target.checked));
  }

  /** Show what an address asks for. */
  open({ search = "", status = "", sort = "" }) {
    this.#query = { search, status, sort };
    byId("runs-search").value = search;
    byId("runs-status").value = status;
    this.#pages.reset();
    this.#schedule();
  }

  /** Ask anew: a run began, changed or is gone. */
  refresh() {
    this.#pages.refresh();
    this.#schedule();
  }

  #change(change) {
    this.#query = { ...this.#query, ...change };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#replace(this.#query);
      byId("runs-scroll").scrollTop = 0;
      this.#pages.reset();
      this.#schedule();
    }, ASK_AFTER_MS);
  }

  #sortBy({ key, first }) {
    const { sort } = this.#query;
    const next = sort.replace(/^-/, "") !== key ? first + key : sort === first + key ? (first ? key : `-${key}`) : "";
    this.#change({ sort: next });
  }

  #choose(runId, isChosen) {
    this.#chosen[isChosen ? "add" : "delete"](runId);
    this.#renderChosen();
  }

  /** Where the chosen runs are compared; of one alone, where others are added to it. */
  #renderChosen() {
    const number = this.#chosen.size;
    byId("runs-compare").hidden = number === 0;
    byId("runs-compare").href = pathOfComparison([...this.#chosen]);
    setText(byId("runs-compare"), number === 1 ? "Compare with…" : `Compare ${count(number)}`);
  }

  #arrived() {
    const names = new Set(this.#metrics);
    for (const run of this.#pages.slice(0, Math.min(this.#pages.total ?? 0, 50))) {
      for (const name of Object.keys(run?.best_metrics ?? {})) if (sideOf(name) !== "train") names.add(name);
    }
    const ranked = [...names].sort((a, b) => byWorth(a, b)).slice(0, MAX_METRICS);
    const sorted = this.#query.sort.replace(/^-/, "");
    if (names.has(sorted) && !ranked.includes(sorted)) ranked.splice(-1, 1, sorted);
    this.#metrics = ranked;
    this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#render();
    });
  }

  #render() {
    const scroll = byId("runs-scroll");
    if (scroll.clientHeight === 0) return; // Another view is shown.
    const { total } = this.#pages;
    this.#renderHead();
    const height = Number.parseFloat(getComputedStyle(scroll).getPropertyValue("--row"));
    const start = Math.max(0, Math.floor(scroll.scrollTop / height) - MORE_ROWS);
    const end = Math.min(total ?? MORE_ROWS, Math.ceil((scroll.scrollTop + scroll.clientHeight) / height) + MORE_ROWS);
    const runs = this.#pages.slice(start, end);
    byId("runs").setAttribute("aria-rowcount", String((total ?? 0) + 1));
    const focused = byId("runs-body").contains(document.activeElement) ? keyOf(document.activeElement) : null;
    byId("runs-body").replaceChildren(
      spacer(start * height),
      ...runs.map((run, i) => this.#row(run, start + i)),
      spacer(Math.max(0, (total ?? 0) - end) * height),
    );
    if (focused !== null) [...byId("runs-body").querySelectorAll("a, input")].find((each) => keyOf(each) === focused)?.focus({ preventScroll: true });
    this.#renderSummary(total);
  }

  #pick({ run_id, config_name }) {
    const box = make("input", { type: "checkbox", value: run_id, checked: this.#chosen.has(run_id) });
    box.setAttribute("aria-label", `Compare ${experimentName(config_name)}, ${run_id}`);
    return make("label", {}, box);
  }

  #columns() {
    const metrics = this.#metrics.map((name, i) => ({
      key: name,
      heading: [make("span", { text: "Best\u00a0", className: "wide" }), name],
      first: "-",
      className: i === 0 ? "number" : i === 1 ? "number wide" : "number wider",
      cell: (run) => (name in (run.best_metrics ?? {}) ? metric(run.best_metrics[name]) : ""),
    }));
    return [{ title: "Compare", className: "pick", cell: (run) => this.#pick(run) }, ...COLUMNS, ...metrics];
  }

  #renderHead() {
    const key = JSON.stringify([this.#metrics, this.#query.sort]);
    if (key === this.#shown) return;
    this.#shown = key;
    const sorted = this.#query.sort || "-created_at";
    const headings = this.#columns().map((column) => {
      if (!column.key) return make("th", { scope: "col", className: column.className }, make("span", { className: "visually-hidden", text: column.title }));
      const button = make("button", { type: "button", className: "plain small" }, ...column.heading ?? [column.title]);
      button.addEventListener("click", () => this.#sortBy(column));
      const heading = make("th", { scope: "col", className: column.className ?? "" }, button);
      if (sorted.replace(/^-/, "") === column.key) heading.ariaSort = sorted.startsWith("-") ? "descending" : "ascending";
      return heading;
    });
    const focused = [...byId("runs-head").querySelectorAll("button")].indexOf(document.activeElement);
    byId("runs-head").replaceChildren(...headings);
    if (focused >= 0) byId("runs-head").querySelectorAll("button")[focused]?.focus();
  }

  #row(run, index) {
    const cells = this.#columns().map(({ cell, className = "" }) => make("td", { className }, run === null ? "" : cell(run)));
    const row = make("tr", {}, ...cells);
    row.setAttribute("aria-rowindex", String(index + 2));
    return row;
  }

  #renderSummary(total) {
    const isFiltered = this.#query.search !== "" || this.#query.status !== "";
    byId("no-runs").hidden = total !== 0;
    setText(byId("no-runs"), isFiltered ? "No run is like that." : "No training was started yet.");
    byId("runs").hidden = total === 0;
    setText(byId("runs-count"), total === null || (total === 0 && !isFiltered) ? "" : `${count(total)} ${total === 1 ? "run" : "runs"}${isFiltered ? " found" : ""}`);
  }
}

const keyOf = ({ href, value }) => href ?? value;

function stateCell(run) {
  const state = make("span", { text: run.status, className: "state", title: run.reason ?? "" });
  state.dataset.state = run.status;
  return state;
}

function nameCell(run) {
  return make("a", { text: experimentName(run.config_name), href: pathOfRun(run.run_id), title: run.run_id });
}

/** Where there is little room, the day alone. */
function startCell(run) {
  const [day, ...clock] = shortMoment(run.started_at ?? run.created_at).split(", ");
  return make("span", {}, day, clock.length ? make("span", { text: `, ${clock[0]}`, className: "wide" }) : "");
}

function spacer(height) {
  const row = make("tr", { ariaHidden: "true" });
  row.style.height = `${height}px`;
  return row;
}

/** Of most worth is what was measured on images not trained on, and an accuracy before a loss. */
const byWorth = (a, b) => worth(a) - worth(b) || byImportance(a, b);

function worth(name) {
  return (sideOf(name) === "val" ? 0 : sideOf(name) === "test" ? 1 : 4) + (/acc/.test(name) ? 0 : /loss/.test(name) ? 0.4 : 0.6);
}
