/** An experiment's parameters as fields, section by section. A value that differs from the experiment is an override. */
import { make, setText } from "../dom.js";
import { hintOf, isNumeric, isSame, optionsOf, parsed, textOf, valueAt } from "../parameters.js";
import { showMessages } from "./field.js";

const OPEN = new Set(innerWidth < 760 ? ["trainer"] : ["trainer", "optimizer", "data"]);

export class ParameterFields {
  #container;
  #experiment = null;
  /** By path: {parameter, input, problem, reset, row}. */
  #fields = new Map();

  constructor(container) {
    this.#container = container;
    container.addEventListener("input", () => this.#markOverrides());
  }

  /** Create the fields of the parameters that GET /training/parameters lists. */
  create(parameters) {
    if (this.#fields.size) return;
    const editable = parameters.filter(({ path }) => path !== "description");
    const sectionOf = ({ path }) => (path.includes(".") ? path.split(".")[0] : "");
    const sections = [...new Set(editable.map(sectionOf))];
    const inSection = (name) => editable.filter((parameter) => sectionOf(parameter) === name);
    this.#container.replaceChildren(...sections.map((name) => this.#section(name, inSection(name))));
  }

  /** Show an experiment's values with overrides on top; null if there is no experiment to override. */
  show(experiment, overrides) {
    this.#experiment = experiment;
    for (const [path, { parameter, input }] of this.#fields) {
      const value = path in overrides ? overrides[path] : valueAt(experiment, path);
      input.value = textOf(parameter, value);
    }
    this.#markOverrides();
  }

  /** The changed values by dotted path. */
  overrides() {
    if (this.#experiment === null) return {};
    const changed = [...this.#fields].filter(([path]) => this.#isOverridden(path));
    return Object.fromEntries(changed.map(([path, { parameter, input }]) => [path, parsed(parameter, input.value)]));
  }

  paths() {
    return this.#fields.keys();
  }

  /** Show the messages of a Map path -> [message] beside their fields. */
  showMessages(messages) {
    for (const [path, { input, problem, row }] of this.#fields) {
      const texts = messages.get(path) ?? [];
      showMessages(input, problem, texts);
      if (texts.length) row.closest("details").open = true;
    }
  }

  #isOverridden(path) {
    const { parameter, input } = this.#fields.get(path);
    return !isSame(parsed(parameter, input.value), valueAt(this.#experiment, path));
  }

  #markOverrides() {
    for (const [path, { reset, row }] of this.#fields) {
      const isOverridden = this.#experiment !== null && this.#isOverridden(path);
      row.classList.toggle("is-overridden", isOverridden);
      reset.hidden = !isOverridden;
    }
    for (const details of this.#container.children) {
      const number = details.querySelectorAll(".is-overridden").length;
      setText(details.querySelector(".changes"), number ? `${number} changed` : "");
    }
  }

  #section(name, parameters) {
    const changes = make("span", { className: "changes" });
    const summary = make("summary", {}, make("span", { text: name || "general" }), changes);
    const rows = make(
      "div",
      { className: "parameter-group" },
      ...parameters.map((parameter) => this.#row(parameter, name)),
    );
    return make("details", { open: OPEN.has(name) }, summary, rows);
  }

  #row(parameter, section) {
    const { path } = parameter;
    const id = `parameter-${path}`;
    const input = inputOf(parameter);
    Object.assign(input, { id, name: path });
    input.setAttribute("aria-describedby", `${id}-problem ${id}-hint`);
    const problem = make("p", { id: `${id}-problem`, className: "field-problem" });
    const hint = make("p", { id: `${id}-hint`, className: "hint", text: hintOf(parameter) });
    const reset = this.#reset(parameter, input);
    const name = section ? path.slice(section.length + 1) : path;
    const label = make("label", { htmlFor: id }, ...name.split(/(?<=\.)/).flatMap((part) => [part, make("wbr")]));
    const value = make("div", { className: "parameter-value" }, input, reset);
    const row = make("div", { className: "parameter" }, label, value, problem, hint);
    this.#fields.set(path, { parameter, input, problem, reset, row });
    return row;
  }

  #reset(parameter, input) {
    const { path } = parameter;
    const button = make("button", { type: "button", className: "reset small plain", text: "Reset", hidden: true });
    button.setAttribute("aria-label", `Reset ${path}`);
    button.addEventListener("click", () => {
      input.value = textOf(parameter, valueAt(this.#experiment, path));
      this.#markOverrides();
      input.focus();
    });
    return button;
  }
}

function inputOf(parameter) {
  const options = optionsOf(parameter);
  const { optional } = parameter;
  if (options === null) {
    const inputMode = isNumeric(parameter) ? "decimal" : "text";
    return make("input", { autocomplete: "off", spellcheck: false, inputMode, placeholder: optional ? "none" : "" });
  }
  const values = optional ? ["", ...options] : options;
  return make("select", {}, ...values.map((value) => make("option", { value, text: value || "none" })));
}
