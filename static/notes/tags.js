/** An input for tags: those of the run, each with a button that removes it, and a field that adds others. */
import { make } from "../dom.js";

export function createTagInput() {
  const list = make("ul", { className: "tags" });
  const input = make("input", { placeholder: "Press Enter or a comma to add a tag" });
  let tags = [];
  list.setAttribute("aria-label", "Tags");

  function show(shown) {
    tags = shown;
    list.replaceChildren(...tags.map(chip));
    input.value = "";
  }

  /** Add what has been typed. */
  const add = () => show(withTyped(tags, input.value));

  function chip(tag) {
    const remove = make("button", {
      type: "button",
      className: "small plain",
      text: "\u00d7",
      ariaLabel: `Remove ${tag}`,
    });
    remove.addEventListener("click", () => {
      const typed = input.value;
      show(tags.filter((each) => each !== tag));
      input.value = typed;
      input.focus();
    });
    return make("li", { className: "tag" }, make("span", { text: tag, title: tag }), remove);
  }

  input.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key !== "," && event.key !== "Enter")) return;
    if (event.key === "Enter" && input.value.trim() === "") return; // Then Enter saves the form.
    event.preventDefault();
    add();
  });
  return { list, input, show, add, values: () => tags };
}

/** The tags and those in a text with commas, without duplicates. */
export function withTyped(tags, text) {
  const typed = text.split(",").map((each) => each.trim().replace(/\s+/g, " "));
  return [...new Set([...tags, ...typed.filter(Boolean)])];
}
