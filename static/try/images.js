/** How a person gives images to the page: by choosing, taking, dropping or pasting them. */
import { make } from "../dom.js";

/** The controls to add images. `isShown()` says whether what is dropped or pasted on the page is meant for them. */
export function imageChooser(isShown, add) {
  const hint = make("p", { className: "quiet small without-touch", text: "or drop or paste them here" });
  const element = make(
    "div",
    { className: "chooser" },
    ...fileButton("Choose images…", { multiple: true, className: "primary" }, add),
    ...fileButton("Take a photo…", { capture: "environment", className: "with-touch" }, add),
    hint,
  );
  document.addEventListener("paste", ({ clipboardData }) => {
    if (isShown() && clipboardData.files.length > 0) add([...clipboardData.files]);
  });
  takeDropped(element, isShown, add);
  return element;
}

function fileButton(text, { className, ...properties }, add) {
  const input = make("input", { type: "file", accept: "image/*", hidden: true, ...properties });
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = ""; // So that the same file can be chosen again.
  });
  const button = make("button", { type: "button", text, className });
  button.addEventListener("click", () => input.click());
  return [button, input];
}

/** Take images that are dropped anywhere: the browser would leave the page for one that misses the element. */
function takeDropped(element, isShown, add) {
  const isMeant = ({ dataTransfer }) => isShown() && dataTransfer.types.includes("Files");
  const mark = (isOver) => element.classList.toggle("is-over", isOver);
  document.addEventListener("dragover", (event) => {
    if (!isMeant(event)) return;
    event.preventDefault();
    mark(true);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => relatedTarget === null && mark(false));
  document.addEventListener("drop", (event) => {
    mark(false);
    if (!isMeant(event)) return;
    event.preventDefault();
    add([...event.dataTransfer.files]);
  });
}
