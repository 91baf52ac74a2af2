/** The epochs as a table, the newest first; the best value of each metric stands out. The test is no epoch. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { metric } from "../format.js";
import { byImportance, isBetterLower, sideOf } from "../series.js";
import { isActive } from "../state.js";

const MAX_ROWS = 200;

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
    byId("epochs").replaceChildren(
      make("thead", {}, make("tr", {}, make("th", { text: "epoch", scope: "col" }), ...names.map(heading))),
      make("tbody", {}, ...shown.map((each) => row(each, names, best))),
    );
    const hidden = epochs.length - shown.length;
    setText(byId("epochs-note"), hidden ? `The ${hidden} epochs before are in metrics.csv.` : "");
  },
);

const heading = (name) => make("th", { text: name, scope: "col" });

/** Lightning logs the test under the number of an epoch that was never trained; it is shown with the run. */
function withoutTest({ epoch, metrics }) {
  return { epoch, metrics: Object.fromEntries(Object.entries(metrics).filter(([name]) => sideOf(name) !== "test")) };
}

function row({ epoch, metrics }, names, best) {
  const cells = names.map((name) => {
    const isBest = metrics[name] === best.get(name);
    return make("td", { text: name in metrics ? metric(metrics[name]) : "", className: isBest ? "is-best" : "" });
  });
  return make("tr", {}, make("th", { text: String(epoch + 1), scope: "row" }), ...cells);
}

/** The best value, if it is better than another one. */
function bestOf(epochs, name) {
  const values = epochs.map((each) => each.metrics[name]).filter(Number.isFinite);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (values.length < 2 || low === high || name === "lr") return undefined;
  return isBetterLower(name) ? low : high;
}
