/** Addresses: which view an address shows, and going from one to another without loading the page anew. */
import { ROOT } from "./address.js";
import { byId } from "./dom.js";

const SCROLL_SETTLES_MS = 100;
const PLACES = new Map([
  ["", "now"],
  ["runs", "runs"],
  ["models", "models"],
  ["start", "start"],
]);

/**
 * The view at an address: {name, runId, query}; `runId` is null but for the view `run`, a run's own address. Wherever the
 * query names `runs`, they are compared.
 */
export function viewOf({ pathname, search }) {
  const query = Object.fromEntries(new URLSearchParams(search));
  if (query.runs) return { name: "compare", runId: null, query };
  const place = placeOf(pathname);
  const runId = /^runs\/([^/]+)$/.exec(place)?.[1];
  if (runId !== undefined) return { name: "run", runId: decoded(runId), query };
  return { name: PLACES.get(place) ?? "now", runId: null, query };
}

/** The runs that an address' query compares, each once. */
export const runsIn = (search) => [
  ...new Set((new URLSearchParams(search).get("runs") ?? "").split(",").filter(Boolean)),
];

export const pathOfComparison = (ids) => `./?runs=${ids.map(encodeURIComponent).join(",")}`;

export const pathOfRun = (runId) => `runs/${encodeURIComponent(runId)}`;

/** Call `went(view)` at each change of the address; returns the function that goes to a path. */
export function createRouter(went) {
  const arrive = () => went(viewOf(location));

  function go(path) {
    if (new URL(path, ROOT).href !== location.href) history.pushState(null, "", path);
    arrive();
    forgetPlace();
    scrollTo(0, 0);
    byId("main").focus({ preventScroll: true }); // A screen reader goes on with what is new.
  }

  keepPlaces();
  addEventListener("popstate", () => {
    arrive();
    restorePlace();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || event.defaultPrevented || link.hasAttribute("download") || link.target) return;
    const anchor = /^#(.+)/.exec(link.getAttribute("href"))?.[1];
    if (anchor === undefined && (link.origin !== location.origin || link.hash || !isOurs(link.pathname))) return;
    event.preventDefault();
    if (anchor !== undefined)
      byId(anchor).focus(); // A part of this view: to the browser it is one of the page's <base>.
    else go(link.pathname + link.search);
  });
  return go;
}

/** Note in the address' history entry how far it is scrolled: a browser alone forgets that where the content comes late. */
function keepPlaces() {
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
  restorePlace();
}

let restoring = null;

const forgetPlace = () => restoring?.abort();

/** Scroll to where the entry was left, as soon as there is enough content; until a person scrolls or goes elsewhere. */
function restorePlace() {
  forgetPlace();
  const wanted = history.state?.scrollY ?? 0;
  restoring = new AbortController();
  const { signal } = restoring;
  const observer = new ResizeObserver(() => {
    scrollTo(0, wanted);
    if (scrollY >= wanted - 1) forgetPlace();
  });
  signal.addEventListener("abort", () => observer.disconnect());
  for (const name of ["wheel", "touchstart", "pointerdown", "keydown"])
    addEventListener(name, forgetPlace, { signal, passive: true });
  observer.observe(document.body);
}

/** The path below the service's root; null for one that is not below it. */
const placeOf = (pathname) => (pathname.startsWith(ROOT.pathname) ? pathname.slice(ROOT.pathname.length) : null);

function isOurs(pathname) {
  const place = placeOf(pathname);
  return place !== null && (PLACES.has(place) || place.startsWith("runs/"));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
