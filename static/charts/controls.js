/** The controls of all charts: axis, scale, smoothing, reset of the zoom, the metrics as CSV, a filter. */
import { choice } from "../choice.js";
import { make, setText } from "../dom.js";

const KEY = "training-charts";
const MAX_SMOOTHING = 0.99;

/** The options that this browser remembers: {axis, scale, smoothing}. */
export function readOptions() {
  const options = { axis: "step", scale: "linear", smoothing: 0 };
  try {
    const saved = JSON.parse(localStorage.getItem(KEY));
    if (["step", "epoch"].includes(saved?.axis)) options.axis = saved.axis;
    if (["linear", "log"].includes(saved?.scale)) options.scale = saved.scale;
    if (saved?.smoothing >= 0 && saved.smoothing <= MAX_SMOOTHING) options.smoothing = saved.smoothing;
  } catch {
    // None are saved, or storage is forbidden.
  }
  return options;
}

function saveOptions(options) {
  try {
    localStorage.setItem(KEY, JSON.stringify(options));
  } catch {
    // They last as long as the page.
  }
}

/**
 * Return {element, show({axes, axis, isWhole, hasFilter})}. A person's actions call `changed(options)`, `reset()`,
 * `filtered(text)` and `save()`.
 */
export function createControls(options, { changed, reset, filtered, save }) {
  const change = (part) => {
    Object.assign(options, part);
    saveOptions(options);
    changed(options);
  };
  const axis = choice("X axis", { step: "Step", epoch: "Epoch" }, options.axis, (value) => change({ axis: value }));
  const scale = choice("Y axis", { linear: "Linear", log: "Log" }, options.scale, (value) => change({ scale: value }));
  const smoothing = slider(options.smoothing, (value) => change({ smoothing: value }));
  const resetZoom = make("button", { type: "button", className: "small", text: "Reset zoom" });
  resetZoom.addEventListener("click", reset);
  const csv = make("button", { type: "button", className: "small", text: "CSV", title: "Save the metrics as CSV" });
  csv.setAttribute("aria-label", "Save the metrics as CSV");
  csv.addEventListener("click", save);
  const filter = make("input", {
    type: "search",
    className: "chart-filter",
    placeholder: "Filter charts",
    autocomplete: "off",
    spellcheck: false,
  });
  filter.setAttribute("aria-label", "Filter charts by metric name");
  filter.addEventListener("input", () => filtered(filter.value));
  const element = make("div", { className: "chart-controls" }, axis, scale, smoothing, resetZoom, csv, filter);
  return {
    element,
    show({ axes, axis: shown, isWhole, hasFilter }) {
      axis.hidden = axes.length < 2;
      for (const input of axis.querySelectorAll("input")) input.checked = input.value === shown;
      resetZoom.hidden = isWhole;
      filter.hidden = !hasFilter;
    },
  };
}

function slider(chosen, changed) {
  const input = make("input", {
    type: "range",
    min: "0",
    max: String(MAX_SMOOTHING),
    step: "0.01",
    value: String(chosen),
  });
  const output = make("output", { text: chosen.toFixed(2) });
  input.addEventListener("input", () => {
    setText(output, Number(input.value).toFixed(2));
    changed(Number(input.value));
  });
  return make("label", { className: "smoothing" }, make("span", { text: "Smoothing" }), input, output);
}
