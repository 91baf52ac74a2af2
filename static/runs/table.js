/** All runs as a table, one page at a time. The service sorts and filters them. */
import { byId, make, setText } from "../dom.js";
import { bytes, count, counted, duration, experimentName, metric, runName, shortTime } from "../format.js";
import { pathOfComparison, pathOfRun, pathOfRuns } from "../router.js";
import { byImportance, splitOf } from "../series.js";
import { tagLink } from "../views/notes.js";

const PAGE_SIZE = 50;
const MAX_METRICS = 3;
const FETCH_AFTER_MS = 200;
const MAX_TAGS = 3;
const NO_QUERY = Object.freeze({ search: "", status: "", tag: "", sort: "", page: 1 });

/** Each column: the key it sorts by, its title, the prefix of its first sort (- for descending), and a run's cell. */
const COLUMNS = [
  { key: "status", title: "State", first: "", cell: (run) => stateCell(run) },
  { key: "config_name", title: "Experiment", first: "", cell: (run, query) => nameCell(run, query) },
  { key: "dataset", title: "Dataset", first: "", className: "wider", cell: (run) => run.dataset ?? "" },
  { key: "model_name", title: "Model name", first: "", className: "wider", cell: (run) => run.model_name ?? "" },
  { key: "created_at", title: "Created", first: "-", className: "number", cell: (run) => creationCell(run) },
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

export class RunsTable {
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
    byId("runs-tag").addEventListener("click", () => this.#forgetTag());
    byId("runs-body").addEventListener("change", ({ target }) => this.#choose(target.value, target.checked));
  }

  /** Show the runs of an address' query. */
  open({ search = "", status = "", tag = "", sort = "", page = "1" }) {
    this.#query = { search, status, tag, sort, page: Math.max(1, Number.parseInt(page, 10) || 1) };
    byId("runs-search").value = search;
    byId("runs-status").value = status;
    this.#renderTag();
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

  /** Show all runs again, whatever their tags. */
  #forgetTag() {
    this.#change({ tag: "" });
    this.#renderTag();
    byId("runs-search").focus();
  }

  #renderTag() {
    const { tag } = this.#query;
    byId("runs-tag").hidden = tag === "";
    setText(byId("runs-tag"), `${tag} \u00d7`);
    byId("runs-tag").ariaLabel = `Tagged ${tag}. Show all runs`;
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
      ...items.map((run) => make("tr", {}, ...this.#columns().map((column) => cellOf(column, run, this.#query)))),
    );
    if (focused !== null)
      [...byId("runs-body").querySelectorAll("a, input")]
        .find((each) => keyOf(each) === focused)
        ?.focus({ preventScroll: true });
    const isFiltered = ["search", "status", "tag"].some((name) => this.#query[name] !== "");
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

  #pick(run) {
    const box = make("input", { type: "checkbox", value: run.run_id, checked: this.#chosen.has(run.run_id) });
    box.setAttribute("aria-label", `Compare ${runName(run)}, ${run.run_id}`);
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

/** A cell of text says all of it when a person points at it, because a narrow one cuts it off. */
function cellOf({ cell, className = "" }, run, query) {
  const content = cell(run, query);
  return make("td", { className, title: typeof content === "string" ? content : "" }, content);
}

/** What identifies a link or checkbox: several runs may have a tag. */
const keyOf = (element) => `${element.closest("tr").querySelector("input").value} ${element.href ?? ""}`;

function stateCell(run) {
  const state = make("span", { text: run.status, className: "state", title: run.reason ?? "" });
  state.dataset.state = run.status;
  return state;
}

/** The run's name with its experiment if that is not the name, and its first tags. */
function nameCell(run, query) {
  const [name, numMore] = [runName(run), run.tags.length - MAX_TAGS];
  const link = make("a", {
    text: name,
    href: pathOfRun(run.run_id),
    title: `${name}\n${run.run_id}`,
    className: "run-link",
  });
  const experiment = run.title && run.config_name ? experimentName(run.config_name) : "";
  const tags = run.tags.slice(0, MAX_TAGS).map((tag) => tagLink(tag, { ...query, page: 1 }));
  const more = numMore > 0 ? make("small", { text: `+${numMore}`, title: run.tags.slice(MAX_TAGS).join(", ") }) : "";
  if (experiment === "" && tags.length === 0) return link;
  return make("span", {}, link, make("span", { className: "run-notes" }, experiment, ...tags, more));
}

/** When the run was created; on a narrow screen only the date. */
function creationCell(run) {
  const [day, ...clock] = shortTime(run.created_at).split(", ");
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
