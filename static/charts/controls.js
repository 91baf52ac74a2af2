/** How all charts are drawn: axis, scale, smoothing; back to everything; the metrics as CSV. */

import { choice } from "../choice.js";
import { make, setText } from "../dom.js";

const KEY = "training-charts";
const MAX_SMOOTHING = 0.99;

/** What is chosen, kept in this browser: {axis, scale, smoothing}. */
export function readOptions() {
  const options = { axis: "step", scale: "linear", smoothing: 0 };
  try {
    const kept = JSON.parse(localStorage.getItem(KEY));
    if (["step", "epoch"].includes(kept?.axis)) options.axis = kept.axis;
    if (["linear", "log"].includes(kept?.scale)) options.scale = kept.scale;
    if (kept?.smoothing >= 0 && kept.smoothing <= MAX_SMOOTHING) options.smoothing = kept.smoothing;
  } catch {
    // Nothing kept, or storage is forbidden here.
  }
  return options;
}

function keep(options) {
  try {
    localStorage.setItem(KEY, JSON.stringify(options));
  } catch {
    // It lasts as long as the page.
  }
}

/**
 * `changed(options)`, `reset()`, `filtered(text)` and `save()` are called when a person asks for it. Returns {element,
 * show({axes, axis, isWhole, hasFilter})}.
 */
export function createControls(options, { changed, reset, filtered, save }) {
  const change = (part) => {
    Object.assign(options, part);
    keep(options);
    changed(options);
  };
  const axis = choice("X axis", { step: "Step", epoch: "Epoch" }, options.axis, (value) => change({ axis: value }));
  const scale = choice("Y axis", { linear: "Linear", log: "Log" }, options.scale, (value) => change({ scale: value }));
  const smoothing = slider(options.smoothing, (value) => change({ smoothing: value }));
  const whole = make("button", { type: "button", className: "small", text: "Reset zoom" });
  whole.addEventListener("click", reset);
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
  filter.setAttribute("aria-label", "Filter charts by the names of metrics");
  filter.addEventListener("input", () => filtered(filter.value));
  const element = make("div", { className: "chart-controls" }, axis, scale, smoothing, whole, csv, filter);
  return {
    element,
    show({ axes, axis: shown, isWhole, hasFilter }) {
      axis.hidden = axes.length < 2;
      for (const input of axis.querySelectorAll("input")) input.checked = input.value === shown;
      whole.hidden = isWhole;
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
