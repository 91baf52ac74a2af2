/** The frame of all views: which one is shown, the navigation, and how far the active run is, or how many are active. */
import { byId, setText, whenChanged } from "../dom.js";
import { count, percent } from "../format.js";
import { fraction } from "../progress.js";
import { VIEWS } from "../router.js";
import { isActive } from "../state.js";

export const renderFrame = whenChanged(
  (state) => [state.view, state.run, state.progress, state.active, state.access],
  (state) => {
    document.documentElement.dataset.access = state.access;
    const { name } = state.view;
    for (const element of document.querySelectorAll(".view")) {
      element.hidden = !element.dataset.views.split(" ").includes(name);
    }
    for (const link of document.querySelectorAll(".navigation a")) {
      if (link.getAttribute("href") === VIEWS[name].under) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    renderActive(activeOf(state));
  },
);

/** The active runs that the page knows of: at least its own one. */
function activeOf({ view, run, progress, active }) {
  if (active.length > 1 || (view.name === "run" && !isActive(run))) return active;
  return isActive(run) ? [{ state: run.state, progress }] : [];
}

function renderActive(active) {
  const [run] = active;
  byId("active-share").dataset.state = run?.state ?? "none";
  const share = run ? fraction(run, run.progress) : null;
  const ofOne = share === null ? (run?.state ?? "") : percent(share);
  setText(byId("active-share"), active.length > 1 ? `${count(active.length)} active` : ofOne);
}
