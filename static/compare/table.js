/** The table of the differences between compared runs. */
import { toneOf } from "../charts/lines.js";
import { make } from "../dom.js";
import { withValues } from "../experiment.js";
import { datasetName, duration, experimentName, metric, parameterText, runName, secondsBetween } from "../format.js";
import { bestOf, lastOf } from "../metrics.js";
import { pathOfRun } from "../router.js";
import { isActive } from "../state.js";
import { differences, results } from "./differences.js";

/** `runs`: {id, index, label, detail, metrics}. */
export function tableOf(runs) {
  const details = runs.map(({ detail }) => detail);
  const configs = details.map(({ request, model_name, config, parameters }) => ({
    dataset: datasetName(request),
    model_name,
    ...withValues(config, parameters),
  }));
  const groups = [
    ["Outcome", outcomeRows(details)],
    ["Different parameters", differences(configs).map(([path, values]) => [path, values.map(parameterText), []])],
    ["Best value", rowsOf(runs, (metrics, name) => bestOf(metrics, name)?.value ?? null)],
    ["Last value", rowsOf(runs, lastOf)],
  ];
  const corner = make("th", { scope: "col" }, make("span", { className: "visually-hidden", text: "Property" }));
  const head = make("thead", {}, make("tr", {}, corner, ...runs.map(heading)));
  const bodies = groups.filter(([, rows]) => rows.length).map(([title, rows]) => body(title, rows, runs.length));
  return make("table", { className: "compare-table" }, head, ...bodies);
}

function heading({ id, index, label, detail }) {
  const swatch = make("i", { className: "swatch" });
  swatch.style.setProperty("--swatch", `var(${toneOf(index)})`);
  const name = make("small", { text: runName(detail), title: runName(detail) });
  return make("th", { scope: "col" }, swatch, make("a", { text: label, href: pathOfRun(id), title: id }), name);
}

function body(title, rows, numRuns) {
  const group = make(
    "tr",
    { className: "group" },
    make("th", { scope: "rowgroup", colSpan: numRuns + 1, text: title }),
  );
  return make(
    "tbody",
    {},
    group,
    ...rows.map(([name, texts, best]) => {
      const cells = texts.map((text, i) =>
        make("td", { text, title: text, className: best.includes(i) ? "is-best" : "" }),
      );
      return make("tr", {}, make("th", { scope: "row", text: name }), ...cells);
    }),
  );
}

function outcomeRows(details) {
  return [
    ["experiment", details.map(({ config_name }) => experimentName(config_name)), []],
    ["state", details.map(({ state }) => state), []],
    ["duration", details.map((run) => duration(secondsBetween(run.started_at, endOf(run)))), []],
  ];
}

const endOf = (run) => (isActive(run) ? new Date().toISOString() : run.ended_at);

function rowsOf(runs, pick) {
  return results(
    runs.map(({ metrics }) => metrics),
    pick,
  ).map(({ name, values, best }) => [name, values.map(metric), best]);
}
