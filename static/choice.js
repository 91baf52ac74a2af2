/** A choice of one among a few, side by side. */
import { make } from "./dom.js";

let numChoices = 0;

/** `texts` maps a value to its text. `changed(value)` is called when a person chooses. */
export function choice(title, texts, chosen, changed) {
  numChoices += 1;
  const name = `choice-${numChoices}`;
  const options = Object.entries(texts).map(([value, text]) => {
    const input = make("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => changed(value));
    return make("label", {}, input, make("span", { text }));
  });
  return make(
    "fieldset",
    { className: "choice" },
    make("legend", { className: "visually-hidden", text: title }),
    ...options,
  );
}
