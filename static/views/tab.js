/** The browser's tab: its title and icon show the view and how far the run is, even in the background. */
import { byId } from "../dom.js";
import { percent, runName } from "../format.js";
import { epochText, fraction } from "../progress.js";
import { VIEWS } from "../router.js";
import { hasEnded, isActive, isLost } from "../state.js";

const COLOURS = {
  starting: "#5a72ff",
  running: "#5a72ff",
  stopping: "#d68a1c",
  interrupted: "#d68a1c",
  completed: "#2fa968",
  failed: "#e0443a",
};
const OTHER = "#8b8f97";
const CIRCUMFERENCE = 2 * Math.PI * 12;

let shownIcon = null;

export function renderTab(state) {
  const [title, icon] = [titleOf(state), iconOf(state)];
  if (document.title !== title) document.title = title;
  if (icon === shownIcon) return;
  shownIcon = icon;
  byId("icon").href = icon === null ? "static/favicon.svg" : `data:image/svg+xml,${encodeURIComponent(icon)}`;
}

function titleOf({ view, run, progress, connection, missing, active }) {
  const share = isActive(run) ? fraction(run, progress) : null;
  const parts = [
    isLost(connection) && "offline",
    share !== null && percent(share),
    view.name === "now" && active.length > 1 && `${active.length} active`,
    ...(VIEWS[view.name].title ? [VIEWS[view.name].title] : ofRun(run, progress, missing)),
  ];
  return [...parts.filter(Boolean), "Training"].join(" \u00b7 ");
}

function ofRun(run, progress, missing) {
  if (run === null) return [missing === null ? null : "No such run"];
  return [run.state, isActive(run) && epochText(progress), ...new Set([runName(run), run.run_id])];
}

/** A ring that fills up as the run proceeds, in the colour of its state, and is full once it has ended; null without a run. */
function iconOf({ run, progress, connection }) {
  if (run === null) return null;
  const share = hasEnded(run) ? 1 : Math.floor(100 * (fraction(run, progress) ?? 0)) / 100;
  const colour = isLost(connection) ? OTHER : (COLOURS[run.state] ?? OTHER);
  const ring = `<circle cx="16" cy="16" r="12" fill="none" stroke-width="7"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ring} stroke="${colour}" stroke-opacity=".28"/>` +
    `${ring} stroke="${colour}" stroke-dasharray="${(share * CIRCUMFERENCE).toFixed(1)} 99" transform="rotate(-90 16 16)"/></svg>`
  );
}
