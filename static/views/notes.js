/** What people write about a run: its tags, its note, and the form that changes them and the title. */
import { pathOfRunInRest } from "../api.js";
import { byId, make, setText, whenChanged } from "../dom.js";
import { onDemand } from "../ondemand.js";
import { pathOfRun, pathOfRuns } from "../router.js";

/**
 * Return the function that renders. `attempt(action, refused)` does what the service may refuse, and `notify(problem)` says why
 * it did. The form is part of the
 * page of one run, because another run may take this one's place in the view `now` at any time.
 */
export function createNotesView({ api, attempt, notify, getState, dispatch, go }) {
  const form = byId("notes-form");
  let edited = null;

  const editor = onDemand(
    () => import("../notes/form.js"),
    ({ createNotesForm }) => createNotesForm(form, { save, closed }),
  );

  async function save(runId, changes, expected) {
    const path = pathOfRunInRest(runId);
    let [problem, notes] = [null, null];
    const refused = (refusal) => {
      problem = refusal;
    };
    await attempt(
      async () => dispatch({ type: "notes", notes: await api.patch(path, { ...changes, expected }) }),
      refused,
    );
    if (problem?.code === 409)
      await attempt(async () => {
        notes = await api.get(path);
      }, refused);
    return { problem, notes };
  }

  function closed() {
    edited = null;
    render(getState());
    byId("notes-edit").focus();
  }

  async function edit() {
    const { run } = getState();
    const { open } = await editor.get();
    if (getState().view.name !== "run") go(pathOfRun(run.run_id));
    const isOpen = edited === run.run_id; // With the text from before the person left the view.
    edited = run.run_id;
    render(getState());
    if (isOpen) form.querySelector("input").focus();
    else open(run);
  }
  byId("notes-edit").addEventListener("click", () => attempt(edit, notify));

  const render = whenChanged(
    ({ run, view }) => [run?.run_id, run?.state, run?.note, JSON.stringify(run?.tags), view.name, edited],
    ({ run, view }) => {
      const isEdited = view.name === "run" && run !== null && edited === run.run_id;
      form.hidden = !isEdited;
      const isOurs = run !== null && run.state !== "unknown"; // The service writes into no other directory.
      byId("notes-edit").hidden = !isOurs || isEdited;
      byId("note").hidden = isEdited || !run?.note;
      setText(byId("note"), run?.note ?? "");
      byId("tags").hidden = isEdited || !run?.tags.length;
      byId("tags").replaceChildren(...(run?.tags ?? []).map((tag) => make("li", {}, tagLink(tag))));
    },
  );
  return render;
}

/** A tag as a link to all runs that have it, among those of a query. */
export const tagLink = (tag, query = {}) =>
  make("a", { className: "tag", text: tag, title: `Runs tagged ${tag}`, href: pathOfRuns({ ...query, tag }) });
