/** A field of a form: its messages, its options and its value. */
import { make, setText } from "../dom.js";

/** Show messages in the element for them, and mark the field if there are any. */
export function showMessages(field, element, messages = []) {
  setText(element, messages.join(" "));
  field.setAttribute("aria-invalid", String(messages.length > 0));
}

/** Set a select's options, [[value, text], ...], and keep its choice if it still exists. */
export function setOptions(select, options, textWithout = "") {
  const value = select.options.length ? select.value : null;
  const shown = options.length ? options : [["", textWithout]];
  select.replaceChildren(...shown.map(([each, text]) => make("option", { value: each, text })));
  if (value !== null) setValue(select, value);
}

/** Set a field's value, unless it is empty or not among a select's options. */
export function setValue(field, value) {
  const isPossible =
    !(field instanceof HTMLSelectElement) || [...field.options].some((option) => option.value === value);
  if (value && isPossible) field.value = value;
}
