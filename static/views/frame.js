/** The frame of all views: which one is shown, the navigation, and how far the active run is. */
import { byId, setText, whenChanged } from "../dom.js";
import { percent } from "../format.js";
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

/** The active run, even if the page shows another one; null if there is none. */
function activeOf({ view, run, progress, active }) {
  if (isActive(run)) return { state: run.state, progress };
  return view.name === "run" ? active : null;
}

function renderActive(active) {
  const element = byId("active-share");
  element.dataset.state = active?.state ?? "none";
  const share = active && fraction(active, active.progress);
  setText(element, active === null ? "" : typeof share === "number" ? percent(share) : active.state);
}
