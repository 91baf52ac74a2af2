/**
 * The views that have a folder of their own. Its modules are loaded when a person first visits the view. If the address shows
 * it, the HTML names them.
 *
 * `NAME/view.js` exports createView(page), which returns {open(view, isBack)} and what it needs of close(), refresh() and
 * changed(state, before). `isBack` says that only the connection is back.
 */
import { onDemand } from "./ondemand.js";

const NAMES = ["compare", "models", "runs", "start", "try"];

/** `page` is what a view may use: {api, getState, attempt, go, save, startRun, needsToken}. */
export function createOwnViews(page) {
  const load = (name) =>
    onDemand(
      () => import(`./${name}/view.js`),
      ({ createView }) => createView(page),
    );
  const views = new Map(NAMES.map((name) => [name, load(name)]));
  const created = () => [...views.values()].map((view) => view.created).filter((view) => view !== null);

  return {
    /** Fill the view that the address shows, and close the others. */
    async open(view, isBack = false) {
      const own = views.has(view.name) ? await views.get(view.name).get() : null;
      if (page.getState().view !== view) return; // The person has left it meanwhile.
      for (const each of created()) if (each !== own) each.close?.();
      await own?.open(view, isBack);
    },
    refresh: ({ name }) => views.get(name)?.created?.refresh?.(),
    changed(state, before) {
      for (const each of created()) each.changed?.(state, before);
    },
    get: (name) => views.get(name).get(),
  };
}
