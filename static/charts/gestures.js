/**
 * Zoom and pan a chart. Mouse: a drag selects a range (done by uPlot), Shift with a drag or a horizontal wheel pans, Ctrl
 * with the wheel zooms. Touch: two fingers zoom, and one pans a zoomed chart. Keys: arrows read values and pan with Shift, +
 * and - zoom, 0 and Escape reset the zoom.
 */
import { nearestOf } from "./lines.js";
import { indexFrom } from "./points.js";
import { panned, zoomed } from "./view.js";

const ZOOM = 0.7;
const PAN = 0.2;

const wired = new WeakSet();

/**
 * `chart` has plot(), shown(), range(), zoomed(view or null) and moved(x). The range {view, extent, isWhole} may be newer
 * than what the plot shows. `element` outlives `over`, uPlot's layer for the pointer.
 */
export function wireGestures(element, over, chart) {
  over.addEventListener("wheel", (event) => wheel(event, over, chart), { passive: false });
  over.addEventListener("pointerdown", (event) =>
    event.pointerType === "touch" ? touch(event, over, chart) : pan(event, over, chart),
  );
  if (wired.has(element)) return;
  wired.add(element);
  element.addEventListener("keydown", (event) => key(event, chart));
}

const valueAt = (clientX, over, { plot }) => plot().posToVal(clientX - over.getBoundingClientRect().left, "x");

function wheel(event, over, chart) {
  const { view, extent, isWhole } = chart.range();
  const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    const factor = Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 150);
    chart.zoomed(zoomed(view, valueAt(event.clientX, over, chart), factor, extent));
  } else if (!isWhole && Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
    event.preventDefault();
    chart.zoomed(panned(view, sideways / over.clientWidth, extent));
  }
}

/** Follow a pointer until it is released. */
function follow(over, event, moved) {
  const ended = new AbortController();
  const { signal } = ended;
  over.setPointerCapture?.(event.pointerId);
  over.addEventListener("pointermove", (each) => each.pointerId === event.pointerId && moved(each), { signal });
  for (const name of ["pointerup", "pointercancel"])
    over.addEventListener(name, (each) => each.pointerId === event.pointerId && ended.abort(), { signal });
  return signal;
}

function pan(event, over, chart) {
  if (!event.shiftKey || chart.range().isWhole) return;
  event.preventDefault();
  let last = event.clientX;
  follow(over, event, ({ clientX }) => {
    const { view, extent } = chart.range();
    chart.zoomed(panned(view, (last - clientX) / over.clientWidth, extent));
    last = clientX;
  });
}

const fingers = new Map();

function touch(event, over, chart) {
  fingers.set(event.pointerId, event.clientX);
  const signal = follow(over, event, ({ pointerId, clientX }) => {
    const { view, extent, isWhole } = chart.range();
    const [before, others] = [
      fingers.get(pointerId),
      [...fingers].filter(([id]) => id !== pointerId).map(([, x]) => x),
    ];
    fingers.set(pointerId, clientX);
    if (others.length === 0 && !isWhole) chart.zoomed(panned(view, (before - clientX) / over.clientWidth, extent));
    if (others.length !== 1) return;
    const [was, is] = [Math.abs(before - others[0]), Math.abs(clientX - others[0])];
    if (was > 8 && is > 8)
      chart.zoomed(zoomed(view, valueAt((clientX + others[0]) / 2, over, chart), was / is, extent));
  });
  signal.addEventListener("abort", () => fingers.delete(event.pointerId));
}

function key(event, chart) {
  const { view, extent, isWhole } = chart.range();
  const middle = (view.min + view.max) / 2;
  const actions = {
    ArrowRight: () => (event.shiftKey ? chart.zoomed(panned(view, PAN, extent)) : step(1, chart)),
    ArrowLeft: () => (event.shiftKey ? chart.zoomed(panned(view, -PAN, extent)) : step(-1, chart)),
    Home: () => chart.moved(nearestOf(chart.shown().lines, view.min)),
    End: () => chart.moved(nearestOf(chart.shown().lines, view.max)),
    "+": () => chart.zoomed(zoomed(view, middle, ZOOM, extent)),
    "=": () => chart.zoomed(zoomed(view, middle, ZOOM, extent)),
    "-": () => chart.zoomed(zoomed(view, middle, 1 / ZOOM, extent)),
    0: () => chart.zoomed(null),
    Escape: () => isWhole || chart.zoomed(null),
  };
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in actions)) return;
  if (chart.plot() === null || chart.shown().lines.length === 0) return;
  event.preventDefault();
  actions[event.key]();
}

/** Go to the next point of any line that is at least 1% of the width away: nobody reads 100,000 values one by one. */
function step(direction, chart) {
  const [{ view }, { lines }] = [chart.range(), chart.shown()];
  const { left } = chart.plot().cursor;
  if (left < 0) {
    chart.moved(nearestOf(lines, direction > 0 ? view.min : view.max));
    return;
  }
  const [from, atLeast] = [chart.plot().posToVal(left, "x"), (view.max - view.min) / 100];
  const found = lines
    .map(({ points: { xs } }) => nextAfter(xs, from, direction, atLeast))
    .filter((x) => x >= view.min && x <= view.max);
  if (found.length) chart.moved(direction > 0 ? Math.min(...found) : Math.max(...found));
}

function nextAfter(xs, from, direction, atLeast) {
  if (direction > 0) return xs[indexFrom(xs, from + atLeast)];
  return xs[indexFrom(xs, from - atLeast + atLeast * 1e-6) - 1];
}
