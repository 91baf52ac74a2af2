/** All runs as a table, one page at a time. The service sorts and filters them. */
import { byId, make, setText } from "../dom.js";
import { bytes, count, counted, duration, experimentName, metric, shortTime } from "../format.js";
import { pathOfComparison, pathOfRun } from "../router.js";
import { byImportance, splitOf } from "../series.js";

export const PAGE_SIZE = 50;
const MAX_METRICS = 3;
const FETCH_AFTER_MS = 200;
const NO_QUERY = Object.freeze({ search: "", status: "", sort: "", page: 1 });

/** Each column: the key it sorts by, its title, the prefix of its first sort (- for descending), and a run's cell. */
const COLUMNS = [
  { key: "status", title: "State", first: "", cell: (run) => stateCell(run) },
  { key: "config_name", title: "Experiment", first: "", cell: (run) => nameCell(run) },
  { key: "dataset", title: "Dataset", first: "", className: "wide", cell: (run) => run.dataset ?? "" },
  { key: "model_name", title: "Model name", first: "", className: "wider", cell: (run) => run.model_name ?? "" },
  { key: "created_at", title: "Started", first: "-", className: "number", cell: (run) => startCell(run) },
  {
    key: "duration_s",
    title: "Duration",
    first: "-",
    className: "number wide",
    cell: (run) => (run.duration_s === null ? "" : duration(run.duration_s)),
  },
  {
    key: "size_bytes",
    title: "Size",
    first: "-",
    className: "number wider",
    cell: (run) => (run.size_bytes === null ? "" : bytes(run.size_bytes)),
  },
];

export class Runs {
  #query = NO_QUERY;
  #fetchPage;
  #replace;
  #timer = null;
  #numFetches = 0;
  /** The page that is shown, {items, total}; null until it is loaded. */
  #page = null;
  #metrics = [];
  #directions = {};
  /** The ids of the runs that are chosen for a comparison, on any page. */
  #chosen = new Set();

  /** `fetchPage(query, offset, limit)` resolves with {items, total} or null. `replace(query)` puts the query into the address. */
  constructor({ fetchPage, replace }) {
    this.#fetchPage = fetchPage;
    this.#replace = replace;
    byId("runs-search").addEventListener("input", (event) => this.#change({ search: event.target.value.trim() }));
    byId("runs-status").addEventListener("change", (event) => this.#change({ status: event.target.value }));
    byId("runs-body").addEventListener("change", ({ target }) => this.#choose(target.value, target.checked));
  }

  /** Show the runs of an address' query. */
  open({ search = "", status = "", sort = "", page = "1" }) {
    this.#query = { search, status, sort, page: Math.max(1, Number.parseInt(page, 10) || 1) };
    byId("runs-search").value = search;
    byId("runs-status").value = status;
    return this.refresh();
  }

  /** Fetch the page again, because runs come, change and go. Only the latest answer counts. */
  async refresh() {
    this.#numFetches += 1;
    const number = this.#numFetches;
    const page = await this.#fetchPage(this.#query, (this.#query.page - 1) * PAGE_SIZE, PAGE_SIZE);
    if (page === null || number !== this.#numFetches) return;
    const lastPage = Math.max(1, Math.ceil(page.total / PAGE_SIZE));
    if (this.#query.page > lastPage) {
      this.#change({ page: lastPage });
    } else if (JSON.stringify(page) !== JSON.stringify(this.#page)) {
      this.#page = page;
      this.#chooseMetrics();
      this.#render();
    }
  }

  #change(change) {
    this.#query = { ...this.#query, page: 1, ...change };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#replace(this.#query);
      this.#page = null;
      this.refresh();
    }, FETCH_AFTER_MS);
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

  /** Link to the comparison of the chosen runs. A single one leads there too, to add others. */
  #renderChosen() {
    const number = this.#chosen.size;
    byId("runs-compare").hidden = number === 0;
    byId("runs-compare").href = pathOfComparison([...this.#chosen]);
    setText(byId("runs-compare"), number === 1 ? "Compare with…" : `Compare ${count(number)}`);
  }

  /** Choose the columns of metrics: the most important ones of the runs, and the one that they are sorted by. */
  #chooseMetrics() {
    const names = new Set(this.#metrics);
    for (const { best_metrics, directions } of this.#page.items) {
      Object.assign(this.#directions, directions);
      for (const name of Object.keys(best_metrics ?? {})) if (splitOf(name) !== "train") names.add(name);
    }
    const ranked = [...names].sort(byWorth).slice(0, MAX_METRICS);
    const sorted = this.#query.sort.replace(/^-/, "");
    if (names.has(sorted) && !ranked.includes(sorted)) ranked.splice(-1, 1, sorted);
    this.#metrics = ranked;
  }

  #render() {
    const { items, total } = this.#page;
    const first = (this.#query.page - 1) * PAGE_SIZE;
    this.#renderHead();
    const focused = byId("runs-body").contains(document.activeElement) ? keyOf(document.activeElement) : null;
    byId("runs-body").replaceChildren(
      ...items.map((run) =>
        make("tr", {}, ...this.#columns().map(({ cell, className = "" }) => make("td", { className }, cell(run)))),
      ),
    );
    if (focused !== null)
      [...byId("runs-body").querySelectorAll("a, input")]
        .find((each) => keyOf(each) === focused)
        ?.focus({ preventScroll: true });
    const isFiltered = this.#query.search !== "" || this.#query.status !== "";
    byId("no-runs").hidden = total > 0;
    setText(byId("no-runs"), isFiltered ? "No matching runs." : "No runs yet.");
    byId("runs").hidden = total === 0;
    setText(byId("runs-count"), total === 0 ? "" : counted(total, isFiltered ? "matching run" : "run"));
    this.#renderPager(first, items.length, total);
  }

  #renderPager(first, number, total) {
    byId("runs-pager").hidden = total <= PAGE_SIZE;
    setText(byId("runs-range"), `${count(first + 1)} to ${count(first + number)} of ${count(total)}`);
    for (const [id, page, isPossible] of [
      ["runs-previous", this.#query.page - 1, first > 0],
      ["runs-next", this.#query.page + 1, first + number < total],
    ]) {
      if (isPossible) byId(id).href = pathOfRuns({ ...this.#query, page });
      else byId(id).removeAttribute("href");
    }
  }

  #pick({ run_id, config_name }) {
    const box = make("input", { type: "checkbox", value: run_id, checked: this.#chosen.has(run_id) });
    box.setAttribute("aria-label", `Compare ${experimentName(config_name)}, ${run_id}`);
    return make("label", {}, box);
  }

  #columns() {
    const metrics = this.#metrics.map((name, i) => ({
      key: name,
      heading: [make("span", { text: "Best ", className: "wide" }), name],
      first: this.#directions[name] === "lower" ? "" : "-", // Best first.
      className: i === 0 ? "number" : i === 1 ? "number wide" : "number wider",
      cell: (run) => (name in (run.best_metrics ?? {}) ? metric(run.best_metrics[name]) : ""),
    }));
    return [{ title: "Compare", className: "pick", cell: (run) => this.#pick(run) }, ...COLUMNS, ...metrics];
  }

  #renderHead() {
    const sorted = this.#query.sort || "-created_at";
    const headings = this.#columns().map((column) => {
      if (!column.key)
        return make(
          "th",
          { scope: "col", className: column.className },
          make("span", { className: "visually-hidden", text: column.title }),
        );
      const button = make(
        "button",
        { type: "button", className: "plain small" },
        ...(column.heading ?? [column.title]),
      );
      button.addEventListener("click", () => this.#sortBy(column));
      const heading = make("th", { scope: "col", className: column.className ?? "" }, button);
      if (sorted.replace(/^-/, "") === column.key)
        heading.ariaSort = sorted.startsWith("-") ? "descending" : "ascending";
      return heading;
    });
    const focused = [...byId("runs-head").querySelectorAll("button")].indexOf(document.activeElement);
    byId("runs-head").replaceChildren(...headings);
    if (focused >= 0) byId("runs-head").querySelectorAll("button")[focused]?.focus({ preventScroll: true });
  }
}

/** The address of a query, without what is empty. */
export function pathOfRuns({ page, ...query }) {
  const given = Object.entries({ ...query, page: page > 1 ? page : "" }).filter(([, value]) => value !== "");
  return `runs?${new URLSearchParams(given)}`.replace(/\?$/, "");
}

const keyOf = ({ href, value }) => href ?? value;

function stateCell(run) {
  const state = make("span", { text: run.status, className: "state", title: run.reason ?? "" });
  state.dataset.state = run.status;
  return state;
}

function nameCell(run) {
  return make("a", {
    text: run.title ?? (run.config_name ? experimentName(run.config_name) : run.run_id),
    href: pathOfRun(run.run_id),
    title: run.run_id,
  });
}

/** The start; on a narrow screen only its date. */
function startCell(run) {
  const [day, ...clock] = shortTime(run.started_at ?? run.created_at).split(", ");
  return make("span", {}, day, clock.length ? make("span", { text: `, ${clock[0]}`, className: "wide" }) : "");
}

/** Validation metrics come first, then those of the test, and an accuracy before a loss. */
const byWorth = (a, b) => worth(a) - worth(b) || byImportance(a, b);

function worth(name) {
  return (
    (splitOf(name) === "val" ? 0 : splitOf(name) === "test" ? 1 : 4) +
    (/acc/.test(name) ? 0 : /loss/.test(name) ? 0.4 : 0.6)
  );
}
