/** An experiment's parameters as fields, section by section. A value that differs from the default is an override. */
import { make, setText } from "../dom.js";
import { hintOf, isNumeric, isSame, keyOf, optionsOf, parsed, textOf } from "../parameters.js";
import { showMessages } from "../views/field.js";

/** So many parameters are shown at once. Of more, only these sections are open. */
const FEW = 20;
const OPEN = new Set(innerWidth < 760 ? ["trainer"] : ["trainer", "optimizer", "data"]);

export class ParameterFields {
  #container;
  /** What the fields are made from. */
  #form = "[]";
  /** By path: {parameter, input, problem, reset, row}. */
  #fields = new Map();

  constructor(container) {
    this.#container = container;
    container.addEventListener("input", () => this.#markOverrides());
  }

  /** Show parameters as GET /training/parameters lists them, with overrides on top of their defaults. */
  show(parameters, overrides) {
    const form = JSON.stringify(parameters.map(({ default: _, ...rest }) => rest));
    if (form !== this.#form) this.#create(parameters);
    this.#form = form;
    for (const parameter of parameters) {
      const { path } = parameter;
      const field = this.#fields.get(path);
      field.parameter = parameter;
      field.input.value = textOf(parameter, path in overrides ? overrides[path] : parameter.default);
    }
    this.#markOverrides();
  }

  /** The changed values by path. */
  overrides() {
    const changed = [...this.#fields].filter(([, field]) => isOverridden(field));
    return Object.fromEntries(changed.map(([path, { parameter, input }]) => [path, parsed(parameter, input.value)]));
  }

  /** The keys by which messages are shown; see `byField`. */
  keys() {
    return [...this.#fields.keys()].map(keyOf);
  }

  /** Show the messages of a Map key -> [message] beside their fields. */
  showMessages(messages) {
    for (const [path, { input, problem, row }] of this.#fields) {
      const texts = messages.get(keyOf(path)) ?? [];
      showMessages(input, problem, texts);
      const section = row.closest("details");
      if (texts.length && section !== null) section.open = true;
    }
  }

  #create(parameters) {
    this.#fields = new Map();
    const sectionOf = ({ path }) => (path.includes(".") ? path.split(".")[0] : "");
    const names = [...new Set(parameters.map(sectionOf))];
    const inSection = (name) => parameters.filter((parameter) => sectionOf(parameter) === name);
    const areFew = parameters.length <= FEW;
    const groups = names.map((name) => this.#group(name, inSection(name)));
    this.#container.replaceChildren(
      ...(names.length === 1 ? groups : groups.map((each, i) => section(names[i], each, areFew))),
    );
  }

  #markOverrides() {
    for (const field of this.#fields.values()) {
      field.row.classList.toggle("is-overridden", isOverridden(field));
      field.reset.hidden = !isOverridden(field);
    }
    for (const details of this.#container.querySelectorAll("details")) {
      const number = details.querySelectorAll(".is-overridden").length;
      setText(details.querySelector(".changes"), number ? `${number} changed` : "");
    }
  }

  #group(name, parameters) {
    return make("div", { className: "parameter-group" }, ...parameters.map((parameter) => this.#row(parameter, name)));
  }

  #row(parameter, section) {
    const { path } = parameter;
    const id = `parameter-${path}`;
    const input = inputOf(parameter);
    Object.assign(input, { id, name: path });
    input.setAttribute("aria-describedby", `${id}-problem ${id}-hint`);
    const problem = make("p", { id: `${id}-problem`, className: "field-problem" });
    const hint = make("p", { id: `${id}-hint`, className: "hint", text: hintOf(parameter) });
    const reset = this.#reset(path);
    const name = section ? path.slice(section.length + 1) : path;
    const label = make("label", { htmlFor: id }, ...name.split(/(?<=[._-])/).flatMap((part) => [part, make("wbr")]));
    const value = make("div", { className: "parameter-value" }, input, reset);
    const row = make("div", { className: "parameter" }, label, value, problem, hint);
    this.#fields.set(path, { parameter, input, problem, reset, row });
    return row;
  }

  #reset(path) {
    const button = make("button", { type: "button", className: "reset small plain", text: "Reset", hidden: true });
    button.setAttribute("aria-label", `Reset ${path}`);
    button.addEventListener("click", () => {
      const { parameter, input } = this.#fields.get(path);
      input.value = textOf(parameter, parameter.default);
      this.#markOverrides();
      input.focus();
    });
    return button;
  }
}

function section(name, group, isOpen) {
  const changes = make("span", { className: "changes" });
  const summary = make("summary", {}, make("span", { text: name || "general" }), changes);
  return make("details", { open: isOpen || OPEN.has(name) }, summary, group);
}

const isOverridden = ({ parameter, input }) => !isSame(parsed(parameter, input.value), parameter.default);

function inputOf(parameter) {
  const options = optionsOf(parameter);
  const { optional } = parameter;
  if (options !== null) {
    const choices = options.map((value) => make("option", { value, text: value }));
    return make("select", {}, ...(optional ? [make("option", { value: "", text: "none" })] : []), ...choices);
  }
  const inputMode = isNumeric(parameter) ? "decimal" : "text";
  const tag = String(parameter.default).includes("\n") ? "textarea" : "input"; // An input would drop the line breaks.
  return make(tag, { autocomplete: "off", spellcheck: false, inputMode, placeholder: optional ? "none" : "" });
}
