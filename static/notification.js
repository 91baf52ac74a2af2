/** A notification of the browser when the run of the page ends while nobody sees the page, for people who want it. */
import { ROOT } from "./address.js";
import { byId, setText } from "./dom.js";
import { runName } from "./format.js";
import { pathOfRun } from "./router.js";
import { isActive } from "./state.js";

const KEY = `training-notify ${ROOT.pathname}`;
const REFUSED =
  "The browser does not allow notifications from this page. Allow them in the browser's settings for this page.";

/** Offer them, and return the listener that shows them. Without HTTPS, browsers have them on localhost only. */
export function createNotifications({ go, notice }) {
  if (!("Notification" in window && window.isSecureContext)) return () => {};
  const button = byId("notify");
  const render = () => setText(button, `Notify me when a run ends: ${isWanted() ? "on" : "off"}`);
  button.hidden = false;
  button.addEventListener("click", async () => {
    const isTurnedOn = !isWanted();
    if (isTurnedOn && (await Notification.requestPermission()) !== "granted") return notice(REFUSED);
    remember(isTurnedOn);
    render();
  });
  addEventListener("storage", render); // Another tab has changed it.
  render();
  return (state, before) => {
    if (document.hidden && isWanted() && hasEnded(state.run, before.run)) show(state.run, go);
  };
}

export const hasEnded = (run, before) =>
  run !== null && run.run_id === before?.run_id && isActive(before) && !isActive(run);

/** Several tabs may follow the run: notifications with the same tag replace each other. */
function show(run, go) {
  const { run_id, state, reason, model_name } = run;
  const body = [`${runName(run)}, run ${run_id}`, reason].filter(Boolean).join("\n");
  const shown = new Notification(`${model_name ?? "Run"}: ${state}`, { body, tag: run_id });
  shown.onclick = () => {
    window.focus();
    go(pathOfRun(run_id));
    shown.close();
  };
}

function isWanted() {
  try {
    return localStorage.getItem(KEY) === "1" && Notification.permission === "granted";
  } catch {
    return false; // Storage is forbidden.
  }
}

function remember(isOn) {
  try {
    if (isOn) localStorage.setItem(KEY, "1");
    else localStorage.removeItem(KEY);
  } catch {
    // The button stays off.
  }
}
