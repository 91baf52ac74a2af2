/** The document's title: the view, and how far the active run is, so that a background tab tells. */
import { experimentName, percent } from "../format.js";
import { epochText, fraction } from "../progress.js";
import { isActive, isLost } from "../state.js";

const NAMES = { runs: "Runs", compare: "Comparison", models: "Models", start: "Start" };

export function renderTitle(state) {
  const title = titleOf(state);
  if (document.title !== title) document.title = title;
}

export function titleOf({ view, run, progress, connection, missing }) {
  const share = isActive(run) ? fraction(run, progress) : null;
  const parts = [isLost(connection) && "offline", share !== null && percent(share), ...(NAMES[view.name] ? [NAMES[view.name]] : ofRun(run, progress, missing))];
  return [...parts.filter(Boolean), "Training"].join(" \u00b7 ");
}

function ofRun(run, progress, missing) {
  if (run === null) return [missing === null ? null : "No such run"];
  return [run.state, isActive(run) && epochText(progress), run.config_name && experimentName(run.config_name), run.run_id];
}
