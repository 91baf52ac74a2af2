/** The table of epochs, newest first, in the program's own numbering, with the best value of each metric marked. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { counted, metric, numeral } from "../format.js";
import { bestOf, epochsOf } from "../metrics.js";
import { epochNames } from "../series.js";
import { hasEnded, isOfCommand } from "../state.js";

const MAX_ROWS = 200;
const MAX_METRICS = 12;

/** The names of the metrics in the table, its rows by epoch, and its body. */
let [headings, rows, body] = [[], new Map(), make("tbody")];

export const renderEpochs = whenChanged(
  (state) => [state.metrics, hasEnded(state.run)],
  ({ metrics, run }) => {
    const all = epochNames(metrics);
    const names = all.slice(0, MAX_METRICS);
    const epochs = [...epochsOf(metrics, names)];
    byId("epochs").hidden = epochs.length === 0;
    byId("no-epochs").hidden = epochs.length > 0;
    const expected = isOfCommand(run) ? "No epochs yet." : "Epochs appear here.";
    setText(byId("no-epochs"), hasEnded(run) ? "No epochs logged." : expected);
    if (JSON.stringify(names) !== JSON.stringify(headings)) begin(names);
    const best = new Map(names.map((name) => [name, bestCell(metrics, name)]));
    const shown = epochs.slice(-MAX_ROWS).reverse();
    const current = shown.map(([epoch, values]) => row(epoch, values, best));
    if (current.length !== body.childElementCount || current.some((element, i) => element !== body.children[i])) {
      body.replaceChildren(...current);
      rows = new Map(shown.map(([epoch], i) => [epoch, current[i]]));
    }
    setText(byId("epochs-note"), noteOf(epochs.length - shown.length, all.length - names.length));
  },
);

function noteOf(numEpochs, numMetrics) {
  const epochs = numEpochs ? `${counted(numEpochs, "earlier epoch is", "earlier epochs are")} in the CSV file.` : "";
  const metrics = numMetrics
    ? `${counted(numMetrics, "other metric is", "other metrics are")} in the charts and in the CSV file.`
    : "";
  return [epochs, metrics].filter(Boolean).join(" ");
}

function begin(names) {
  [headings, rows, body] = [names, new Map(), make("tbody")];
  const head = ["epoch", ...names].map((text) => make("th", { text, title: text, scope: "col" }));
  byId("epochs").replaceChildren(make("thead", {}, make("tr", {}, ...head)), body);
}

/** The epoch's row. Only changed cells are written, because the last epoch changes with each step. */
function row(epoch, values, best) {
  if (!rows.has(epoch)) rows.set(epoch, emptyRow(epoch));
  const element = rows.get(epoch);
  for (const [i, name] of headings.entries()) {
    const cell = element.cells[i + 1];
    setText(cell, values.has(name) ? metric(values.get(name)) : "");
    const { epoch: bestEpoch, value } = best.get(name);
    cell.classList.toggle("is-best", epoch === bestEpoch && values.get(name) === value);
  }
  return element;
}

const emptyRow = (epoch) =>
  make("tr", {}, make("th", { text: numeral(epoch), scope: "row" }), ...headings.map(() => make("td")));

/** A metric's best value and its epoch. The cell with an epoch's last value is marked only if that is the best one. */
function bestCell(metrics, name) {
  const best = bestOf(metrics, name);
  return best === null ? {} : { epoch: metrics.columns.get("epoch")?.[best.row], value: best.value };
}
