/** The epochs as a table, the newest first; the best value of each metric stands out. The test is no epoch. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { metric } from "../format.js";
import { byImportance, isBetterLower, sideOf } from "../series.js";
import { isActive } from "../state.js";

const MAX_ROWS = 200;

/** What is shown: the metrics' names, and by epoch its row. */
let [headings, rows, body] = [[], new Map(), make("tbody")];

export const renderEpochs = whenChanged(
  (state) => [state.epochs, isActive(state.run)],
  (state) => {
    const epochs = state.epochs.map(withoutTest).filter(({ metrics }) => Object.keys(metrics).length > 0);
    byId("epochs").hidden = epochs.length === 0;
    byId("no-epochs").hidden = epochs.length > 0;
    setText(byId("no-epochs"), isActive(state.run) ? "A line for each epoch appears here." : "No epoch was finished.");
    const names = [...new Set(epochs.flatMap((each) => Object.keys(each.metrics)))].sort(byImportance);
    const best = new Map(names.map((name) => [name, bestOf(epochs, name)]));
    const shown = epochs.slice(-MAX_ROWS).reverse();
    if (JSON.stringify(names) !== JSON.stringify(headings)) begin(names);
    const wanted = shown.map((each) => row(each, best));
    if (wanted.length !== body.childElementCount || wanted.some((element, i) => element !== body.children[i])) {
      body.replaceChildren(...wanted);
      rows = new Map(shown.map(({ epoch }, i) => [epoch, wanted[i]]));
    }
    const hidden = epochs.length - shown.length;
    setText(byId("epochs-note"), hidden ? `The ${hidden} epochs before are in metrics.csv.` : "");
  },
);

/** Lightning logs the test under the number of an epoch that was never trained; it is shown with the run. */
function withoutTest({ epoch, metrics }) {
  return { epoch, metrics: Object.fromEntries(Object.entries(metrics).filter(([name]) => sideOf(name) !== "test")) };
}

function begin(names) {
  [headings, rows, body] = [names, new Map(), make("tbody")];
  const head = ["epoch", ...names].map((text) => make("th", { text, scope: "col" }));
  byId("epochs").replaceChildren(make("thead", {}, make("tr", {}, ...head)), body);
}

/** The epoch's row, of which only what has changed is written: the last epoch's values change with each step. */
function row({ epoch, metrics }, best) {
  if (!rows.has(epoch)) rows.set(epoch, emptyRow(epoch));
  const element = rows.get(epoch);
  for (const [i, name] of headings.entries()) {
    const cell = element.cells[i + 1];
    setText(cell, name in metrics ? metric(metrics[name]) : "");
    cell.classList.toggle("is-best", name in metrics && metrics[name] === best.get(name));
  }
  return element;
}

const emptyRow = (epoch) => make("tr", {}, make("th", { text: String(epoch + 1), scope: "row" }), ...headings.map(() => make("td")));

/** The best value, if it is better than another one. */
function bestOf(epochs, name) {
  const values = epochs.map((each) => each.metrics[name]).filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (values.length < 2 || low === high || name === "lr") return undefined;
  return isBetterLower(name) ? low : high;
}
