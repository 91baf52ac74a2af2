/** A text with a button that copies it. The clipboard needs HTTPS or localhost; elsewhere there is no button. */
import { make, setText } from "../dom.js";

export function copyable(tag, text, label) {
  const element = make(tag, { text });
  if (tag === "pre") element.tabIndex = 0; // It may scroll.
  if (!navigator.clipboard) return make("div", { className: "copyable" }, element);
  const button = make("button", { text: label, type: "button", className: "small" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    setText(button, "Copied");
    setTimeout(() => setText(button, label), 1500);
  });
  return make("div", { className: "copyable" }, element, button);
}
