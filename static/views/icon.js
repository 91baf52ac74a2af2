/** The icon of the tab: a ring that fills up, in the colour of the state. */
import { byId } from "../dom.js";
import { fraction } from "../progress.js";
import { isLost } from "../state.js";

const COLOURS = { starting: "#5a72ff", running: "#5a72ff", stopping: "#d68a1c", interrupted: "#d68a1c", completed: "#2fa968", failed: "#e0443a" };
const OTHER = "#8b8f97";
const AROUND = 2 * Math.PI * 12;

let shown = null;

export function renderIcon({ run, progress, connection }) {
  const share = Math.floor(100 * (run === null ? 0 : (fraction(run, progress) ?? 0))) / 100;
  const colour = isLost(connection) ? OTHER : (COLOURS[run?.state] ?? OTHER);
  const wanted = run === null ? null : iconOf(colour, share);
  if (wanted === shown) return;
  shown = wanted;
  byId("icon").href = wanted === null ? "static/favicon.svg" : `data:image/svg+xml,${encodeURIComponent(wanted)}`;
}

export function iconOf(colour, share) {
  const ring = `<circle cx="16" cy="16" r="12" fill="none" stroke-width="7"`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ring} stroke="${colour}" stroke-opacity=".28"/>` +
    `${ring} stroke="${colour}" stroke-dasharray="${(share * AROUND).toFixed(1)} 99" transform="rotate(-90 16 16)"/></svg>`
  );
}
