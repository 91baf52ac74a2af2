/** The values of an experiment as fields, section by section; what differs from the experiment is an override. */
import { make, setText } from "../dom.js";
import { isSame, parsed, textOf, valueAt } from "../settings.js";

const OPEN = new Set(innerWidth < 760 ? ["trainer"] : ["trainer", "optimizer", "data"]);

export class SettingFields {
  #place;
  #settings = [];
  #experiment = null;
  /** By path: {setting, input, problem, reset, row}. */
  #fields = new Map();

  constructor(place) {
    this.#place = place;
    place.addEventListener("input", () => this.#mark());
  }

  /** `settings`: what GET /training/settings answers. */
  describe(settings) {
    if (this.#settings.length) return;
    this.#settings = settings.filter(({ path }) => path !== "description");
    const sectionOf = ({ path }) => (path.includes(".") ? path.split(".")[0] : "");
    const sections = new Set(this.#settings.map(sectionOf));
    const ofSection = (name) => this.#settings.filter((setting) => sectionOf(setting) === name);
    this.#place.replaceChildren(...[...sections].map((name) => this.#section(name, ofSection(name))));
  }

  /** Show an experiment's values, with overrides on top; null: there is none whose values could be set. */
  show(experiment, overrides) {
    this.#experiment = experiment;
    for (const [path, { setting, input }] of this.#fields) {
      const value = path in overrides ? overrides[path] : valueAt(experiment, path);
      input.value = setting.kind === "truth" ? String(value ?? false) : textOf(value);
    }
    this.#mark();
  }

  /** What was changed, by dotted path. */
  overrides() {
    if (this.#experiment === null) return {};
    const changed = [...this.#fields].filter(([path]) => this.#isChanged(path));
    return Object.fromEntries(changed.map(([path, { setting, input }]) => [path, parsed(setting, input.value)]));
  }

  paths() {
    return this.#fields.keys();
  }

  /** Show the sentences of Map path -> [sentence] beside their fields. */
  tell(told) {
    for (const [path, { input, problem, row }] of this.#fields) {
      const texts = told.get(path) ?? [];
      setText(problem, texts.join(" "));
      input.setAttribute("aria-invalid", String(texts.length > 0));
      if (texts.length) row.closest("details").open = true;
    }
  }

  #isChanged(path) {
    const { setting, input } = this.#fields.get(path);
    return !isSame(parsed(setting, input.value), valueAt(this.#experiment, path));
  }

  #mark() {
    for (const [path, { reset, row }] of this.#fields) {
      const isChanged = this.#experiment !== null && this.#isChanged(path);
      row.classList.toggle("is-overridden", isChanged);
      reset.hidden = !isChanged;
    }
    for (const details of this.#place.children) {
      const number = details.querySelectorAll(".is-overridden").length;
      setText(details.querySelector(".changes"), number ? `${number} changed` : "");
    }
  }

  #section(name, settings) {
    const summary = make(
      "summary",
      {},
      make("span", { text: name || "general" }),
      make("span", { className: "changes" }),
    );
    const rows = make("div", { className: "group" }, ...settings.map((setting) => this.#row(setting, name)));
    const details = make("details", { open: OPEN.has(name) }, summary, rows);
    return details;
  }

  #row(setting, section) {
    const { path, meaning, must } = setting;
    const id = `setting-${path}`;
    const input = inputOf(setting);
    Object.assign(input, { id, name: path });
    input.setAttribute("aria-describedby", `${id}-problem ${id}-meaning`);
    const problem = make("p", { id: `${id}-problem`, className: "field-problem" });
    const reset = make("button", { type: "button", className: "reset small plain", text: "Reset", hidden: true });
    reset.setAttribute("aria-label", `Reset ${path}`);
    reset.addEventListener("click", () => {
      const value = valueAt(this.#experiment, path);
      input.value = setting.kind === "truth" ? String(value ?? false) : textOf(value);
      this.#mark();
      input.focus();
    });
    const name = section ? path.slice(section.length + 1) : path;
    const label = make("label", { htmlFor: id }, ...name.split(/(?<=\.)/).flatMap((part) => [part, make("wbr")]));
    const said =
      must === null || setting.kind === "choice"
        ? meaning
        : `${meaning} (${must.replace(/^must /, "").replace(/^be /, "")})`;
    const row = make(
      "div",
      { className: "setting" },
      label,
      make("div", { className: "setting-value" }, input, reset),
      problem,
      make("p", { id: `${id}-meaning`, className: "hint", text: said }),
    );
    this.#fields.set(path, { setting, input, problem, reset, row });
    return row;
  }
}

function inputOf({ kind, choices, optional }) {
  const options = kind === "truth" ? ["true", "false"] : choices;
  if (options === null) {
    const isNumber = kind === "whole" || kind === "number";
    return make("input", {
      autocomplete: "off",
      spellcheck: false,
      inputMode: isNumber ? "decimal" : "text",
      placeholder: optional ? "none" : "",
    });
  }
  const shown = optional ? ["", ...options] : options;
  return make("select", {}, ...shown.map((value) => make("option", { value, text: value || "none" })));
}
