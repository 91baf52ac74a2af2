/** The document's title, so that a background tab tells. */
import { experimentName, percent } from "../format.js";
import { isActive, isLost } from "../state.js";
import { epochNumber, fraction } from "./now.js";

export function renderTitle(state) {
  const title = titleOf(state);
  if (document.title !== title) document.title = title;
}

export function titleOf({ run, progress, connection }) {
  const parts = [];
  if (isLost(connection)) parts.push("offline");
  if (run !== null) {
    const share = fraction(run, progress);
    const epoch = epochNumber(progress);
    if (isActive(run) && share !== null) parts.push(percent(share));
    parts.push(run.state);
    if (isActive(run) && epoch !== null) parts.push(`epoch ${epoch}/${progress.max_epochs ?? "?"}`);
    parts.push(experimentName(run.config_name));
  }
  return [...parts, "Training"].join(" · ");
}
