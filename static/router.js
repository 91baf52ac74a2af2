/** Which view an address shows, and how to go from one to another without reloading the page. */
import { ROOT } from "./address.js";
import { byId } from "./dom.js";

const SCROLL_SETTLES_MS = 100;

/**
 * The views by name: `path` below the service's root, the entry of the navigation they are `under`, and a `title` for the
 * tab unless that is the run's. A view without a path is found by more than the path, see `viewOf`.
 */
export const VIEWS = {
  now: { path: "", under: "./" },
  runs: { path: "runs", under: "runs", title: "Runs" },
  run: { under: "runs" },
  compare: { under: "runs", title: "Comparison" },
  models: { path: "models", under: "models", title: "Models" },
  try: { path: "try", under: "models", title: "Try a model" },
  start: { path: "start", under: "start", title: "Start" },
};

/**
 * The view at an address: {name, runId, query}. `runId` is null except in the view `run`. At any address a query with
 * `runs` shows their comparison.
 */
export function viewOf({ pathname, search }) {
  const query = Object.fromEntries(new URLSearchParams(search));
  if (query.runs) return { name: "compare", runId: null, query };
  const path = pathOf(pathname);
  const runId = /^runs\/([^/]+)$/.exec(path)?.[1];
  if (runId !== undefined) return { name: "run", runId: decoded(runId), query };
  return { name: nameAt(path) ?? "now", runId: null, query };
}

/** The runs that a query compares, without duplicates. */
export const runsIn = (search) => [
  ...new Set((new URLSearchParams(search).get("runs") ?? "").split(",").filter(Boolean)),
];

export const pathOfComparison = (ids) => `./?runs=${ids.map(encodeURIComponent).join(",")}`;

export const pathOfTrial = (runId) => `try?run=${encodeURIComponent(runId)}`;

/** The address of the runs of a query, without what is empty. */
export function pathOfRuns({ page, ...query }) {
  const given = Object.entries({ ...query, page: page > 1 ? page : "" }).filter(([, value]) => value !== "");
  return `runs?${new URLSearchParams(given)}`.replace(/\?$/, "");
}

export const pathOfRun = (runId) => `runs/${encodeURIComponent(runId)}`;

/** Call `navigated(view)` at each change of the address. Return the function that goes to a path. */
export function createRouter(navigated) {
  const arrive = () => navigated(viewOf(location));

  function go(path) {
    if (new URL(path, ROOT).href !== location.href) history.pushState(null, "", path);
    arrive();
    stopRestoring();
    scrollTo(0, 0);
    byId("main").focus({ preventScroll: true }); // A screen reader continues with the new view.
  }

  saveScroll();
  addEventListener("popstate", () => {
    arrive();
    restoreScroll();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || event.defaultPrevented || link.hasAttribute("download") || link.target) return;
    const anchor = /^#(.+)/.exec(link.getAttribute("href"))?.[1];
    if (anchor === undefined && (link.origin !== location.origin || link.hash || !isOurs(link.pathname))) return;
    event.preventDefault();
    // The browser would resolve an anchor against the page's <base>.
    if (anchor !== undefined) byId(anchor).focus();
    else go(link.pathname + link.search);
  });
  return go;
}

/** Save the scroll position in the history entry: the browser loses its own where content arrives late. */
function saveScroll() {
  let timer = 0;
  history.scrollRestoration = "manual";
  addEventListener(
    "scroll",
    () => {
      clearTimeout(timer);
      const entry = location.href;
      timer = setTimeout(
        () => entry === location.href && history.replaceState({ ...history.state, scrollY }, ""),
        SCROLL_SETTLES_MS,
      );
    },
    { passive: true },
  );
  restoreScroll();
}

/** The AbortController of the scroll position being restored. */
let restoring = null;

const stopRestoring = () => restoring?.abort();

/** Scroll to the saved position once there is enough content, unless the person scrolls or leaves first. */
function restoreScroll() {
  stopRestoring();
  const target = history.state?.scrollY ?? 0;
  restoring = new AbortController();
  const { signal } = restoring;
  const observer = new ResizeObserver(() => {
    scrollTo(0, target);
    if (scrollY >= target - 1) stopRestoring();
  });
  signal.addEventListener("abort", () => observer.disconnect());
  for (const name of ["wheel", "touchstart", "pointerdown", "keydown"])
    addEventListener(name, stopRestoring, { signal, passive: true });
  observer.observe(document.body);
}

const nameAt = (path) => Object.keys(VIEWS).find((name) => VIEWS[name].path === path);

/** The path below the service's root; null if it is not below it. */
const pathOf = (pathname) => (pathname.startsWith(ROOT.pathname) ? pathname.slice(ROOT.pathname.length) : null);

function isOurs(pathname) {
  const path = pathOf(pathname);
  return path !== null && (nameAt(path) !== undefined || path.startsWith("runs/"));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
