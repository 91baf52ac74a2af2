/** The comparison of the runs in the address, `?runs=A,B`: their charts, and a table of their differences. */
import { pathOfRunInRest } from "../api.js";
import { createCharts } from "../charts/charts.js";
import { toneOf } from "../charts/lines.js";
import { byId, make, setText } from "../dom.js";
import { runName, shortTime } from "../format.js";
import { fetchMetrics } from "../metrics.js";
import { pathOfComparison, runsIn } from "../router.js";
import { isActive } from "../state.js";
import { shortNames } from "./differences.js";
import { tableOf } from "./table.js";

const TOTAL_POINTS = 100_000;
const [MIN_POINTS, MAX_POINTS] = [2000, 20_000];
const REFRESH_EVERY_MS = 5000;
const MAX_CHOICES = 500;

export function createView({ api: { get }, go, save }) {
  const title = make("h1", { text: "Comparison", id: "compare-title" });
  const chips = make("ul", { className: "chips" });
  const problem = make("p", { className: "problem", hidden: true });
  problem.setAttribute("role", "alert");
  const waiting = make("p", { className: "empty", text: "Loading\u2026" });
  const adder = createAdder((id) => go(pathOfComparison([...ids, id])));
  const heading = make("h2", { className: "visually-hidden", text: "Metrics" });
  const chartContainer = make("div", { className: "compare-charts" });
  const table = make("div", { className: "scroll compare-scroll", tabIndex: 0 });
  table.setAttribute("role", "region");
  table.setAttribute("aria-label", "Differences");
  byId("compare").replaceChildren(title, chips, adder.element, problem, waiting, heading, chartContainer, table);

  let [ids, runs, hidden, timer, round] = [[], [], new Set(), 0, 0];
  const charts = createCharts(chartContainer, { save });
  const visible = () => runs.filter(({ id }) => !hidden.has(id));

  async function open() {
    begin(runsIn(location.search));
    waiting.hidden = false;
    await load(round);
    listChoices(round);
  }

  function close() {
    if (ids.length === 0) return;
    begin([]);
    runs = [];
    render();
  }

  function begin(shown) {
    clearTimeout(timer);
    ids = shown;
    round += 1;
  }

  async function load(ofRound) {
    const found = await Promise.allSettled(ids.map((id) => loadRun(get, id, ids.length)));
    if (ofRound !== round) return;
    showErrors(found.filter(({ status }) => status === "rejected").map(({ reason }) => reason));
    const loaded = found.filter(({ status }) => status === "fulfilled").map(({ value }) => value);
    const labels = shortNames(loaded.map(({ id }) => id));
    runs = loaded.map((run, index) => ({ ...run, index, label: labels[index] }));
    waiting.hidden = true;
    render();
    if (runs.some(({ detail }) => isActive(detail))) timer = setTimeout(() => refresh(ofRound), REFRESH_EVERY_MS);
  }

  /** Load the runs again while one of them is active, but only while the page is visible. */
  function refresh(ofRound) {
    if (document.visibilityState === "visible") load(ofRound);
    else document.addEventListener("visibilitychange", () => ofRound === round && load(ofRound), { once: true });
  }

  function showErrors(errors) {
    const unexpected = errors.find((error) => error.problem === undefined);
    if (unexpected) throw unexpected;
    problem.hidden = errors.length === 0;
    setText(problem, [...new Set(errors.map(({ message }) => message))].join(" "));
  }

  async function listChoices(ofRound) {
    const listed = await get(`training/metrics/runs?limit=${MAX_CHOICES}`).catch(() => []);
    if (ofRound === round) adder.show(listed.filter(({ run_id, has_metrics }) => has_metrics && !ids.includes(run_id)));
  }

  function render() {
    chips.replaceChildren(...runs.map(chip));
    charts.show(visible());
    table.hidden = runs.length === 0;
    table.replaceChildren(...(runs.length ? [tableOf(runs)] : []));
  }

  function chip(run) {
    const swatch = make("i", { className: "swatch" });
    swatch.style.setProperty("--swatch", `var(${toneOf(run.index)})`);
    const toggle = make(
      "button",
      { type: "button", className: "chip-name", title: run.id },
      swatch,
      make("span", { text: run.label }),
      make("small", { text: runName(run.detail) }),
    );
    toggle.setAttribute("aria-pressed", String(!hidden.has(run.id)));
    toggle.addEventListener("click", () => {
      hidden[hidden.has(run.id) ? "delete" : "add"](run.id);
      toggle.setAttribute("aria-pressed", String(!hidden.has(run.id)));
      charts.show(visible());
    });
    const remove = make("button", { type: "button", className: "chip-remove", text: "\u00d7" });
    remove.setAttribute("aria-label", `Remove ${run.label} from the comparison`);
    remove.addEventListener("click", () => go(pathOfComparison(ids.filter((id) => id !== run.id))));
    return make("li", { className: "chip" }, toggle, remove);
  }

  return { open, close };
}

async function loadRun(get, id, numRuns) {
  const points = Math.min(MAX_POINTS, Math.max(MIN_POINTS, Math.floor(TOTAL_POINTS / numRuns)));
  const [detail, metrics] = await Promise.all([get(pathOfRunInRest(id)), fetchMetrics(get, id, points)]);
  return { id, detail, metrics };
}

/** A select of runs, and a button that adds the chosen one. */
function createAdder(added) {
  const select = make("select", { id: "compare-add" });
  const button = make("button", { type: "button", className: "small", text: "Add" });
  button.addEventListener("click", () => select.value && added(select.value));
  const label = make("label", { htmlFor: "compare-add", text: "Add a run" });
  const element = make("div", { className: "compare-adder", hidden: true }, label, select, button);
  return {
    element,
    show(choices) {
      element.hidden = choices.length === 0;
      select.replaceChildren(
        ...choices.map((run) =>
          make("option", { value: run.run_id, text: `${runName(run)}, ${shortTime(run.created_at)} (${run.run_id})` }),
        ),
      );
    },
  };
}
