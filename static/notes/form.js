/**
 * The form for a run's title, note and tags.
 *
 * `createNotesForm(form, {save, closed})` fills a form element. `save(runId, changes, expected)` changes the notes if they are
 * as expected. It resolves with {problem, notes}: why the service refused, or null, and the present notes if others have changed
 * them. `closed()` is called when the person saves or cancels. Call `open(run)` to edit.
 */
import { make, setText } from "../dom.js";
import { byField } from "../parameters.js";
import { showMessages } from "../views/field.js";
import { createTagInput } from "./tags.js";

const [MAX_TITLE_CHARS, MAX_NOTE_CHARS] = [255, 10_000]; // The service counts no more than these.

export function createNotesForm(form, { save, closed }) {
  const title = make("input", { maxLength: MAX_TITLE_CHARS });
  const note = make("textarea", { maxLength: MAX_NOTE_CHARS, rows: 5 });
  const tags = createTagInput();
  const fields = { title: field("title", "Title", title), note: field("note", "Note", note) };
  fields.tags = field("tags", "Tags", tags.input, tags.list);
  const problem = make("p", { className: "problem", role: "alert", hidden: true });
  const submit = make("button", { className: "primary", text: "Save" });
  const cancel = make("button", { type: "button", text: "Cancel" });
  const elements = Object.values(fields).map(({ element }) => element);
  form.replaceChildren(...elements, problem, make("div", { className: "actions" }, submit, cancel));
  let [runId, before] = [null, null];
  /** What the person has left unsaved to edit another run, by run: {before, kept}. */
  const drafts = new Map();

  const values = () => ({ title: title.value.trim() || null, note: note.value.trimEnd() || null, tags: tags.values() });

  const changes = () => changesOf(before, values());
  const isChanged = () => runId !== null && (tags.input.value.trim() !== "" || Object.keys(changes()).length > 0);

  function open(run) {
    tags.add();
    if (isChanged()) drafts.set(runId, { before, kept: changes() });
    runId = run.run_id;
    const draft = drafts.get(runId);
    drafts.delete(runId);
    show(draft?.before ?? run, draft?.kept);
    showProblem(null);
    title.focus();
  }

  /** Show a run's notes, with the person's changes to the former ones if they stay. `saving` is what a save then does. */
  function show({ title: itsTitle, note: itsNote, tags: itsTags }, kept = {}, saving = "Save") {
    before = { title: itsTitle, note: itsNote, tags: itsTags };
    const shown = { ...before, ...kept };
    title.value = shown.title ?? "";
    note.value = shown.note ?? "";
    tags.show(shown.tags);
    setText(submit, saving);
  }

  function close() {
    runId = null;
    closed();
  }

  function showProblem(shown) {
    const messages = byField(shown, new Set(Object.keys(fields)));
    for (const [name, { input, message }] of Object.entries(fields)) showMessages(input, message, messages.get(name));
    const text = messages.get("")?.join(" ") ?? (messages.size > 0 ? "" : (shown?.message ?? ""));
    problem.hidden = text === "";
    setText(problem, text);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tags.add();
    if (!isChanged()) return close();
    const changed = changes();
    const expected = Object.fromEntries(Object.keys(changed).map((name) => [name, before[name]]));
    submit.disabled = true;
    const { problem: refusal, notes } = await save(runId, changed, expected);
    submit.disabled = false;
    if (refusal === null) return close();
    if (notes !== null) show(notes, changes(), "Replace");
    showProblem(refusal);
    form.querySelector("[aria-invalid=true]")?.focus();
  });
  cancel.addEventListener("click", close);
  addEventListener("beforeunload", (event) => (isChanged() || drafts.size > 0) && event.preventDefault());
  return { open };
}

/** The values that differ. Only those are sent, so that two people can change different ones. */
export const changesOf = (before, after) =>
  Object.fromEntries(
    Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])),
  );

/** An input with its label, what stands above the input, and the place for its messages. */
function field(name, title, input, ...above) {
  const message = make("p", { className: "field-problem", id: `notes-${name}-problem` });
  input.id = `notes-${name}`;
  input.setAttribute("aria-describedby", message.id);
  const label = make("label", { htmlFor: input.id, text: title });
  return { element: make("div", { className: "field" }, label, ...above, input, message), input, message };
}
