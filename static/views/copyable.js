import { make, setText } from "../dom.js";

/** A text with a button that copies it. Without a secure address there is no clipboard, and no button. */
export function copyable(tag, text, label) {
  const shown = make(tag, { text });
  if (tag === "pre") shown.tabIndex = 0; // It may scroll.
  if (!navigator.clipboard) return make("div", { className: "copyable" }, shown);
  const button = make("button", { text: label, type: "button", className: "small" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    setText(button, "Copied");
    setTimeout(() => setText(button, label), 1500);
  });
  return make("div", { className: "copyable" }, shown, button);
}
