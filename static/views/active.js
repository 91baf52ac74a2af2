/** The active runs beside the one that the view `now` shows in full, which is the one that started last. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { counted, percent, roughly, runName, shortTime } from "../format.js";
import { knownShare, progressText } from "../progress.js";
import { pathOfRun } from "../router.js";

/** The rows by run. They stay the same elements, so that a link keeps the focus. */
const rows = new Map();

export const renderActive = whenChanged(
  (state) => [state.active, state.run?.run_id, state.view.name],
  ({ active, run, view }) => {
    const others = view.name === "now" && run !== null ? active.filter(({ run_id }) => run_id !== run.run_id) : [];
    byId("active").hidden = others.length === 0;
    setText(byId("active-count"), counted(others.length, "run"));
    for (const [runId, { element }] of rows) {
      if (others.some(({ run_id }) => run_id === runId)) continue;
      element.remove();
      rows.delete(runId);
    }
    others.forEach((each, i) => {
      if (!rows.has(each.run_id)) rows.set(each.run_id, createRow(each));
      const { element, update } = rows.get(each.run_id);
      update(each);
      const list = byId("active-runs");
      if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
    });
  },
);

function createRow({ run_id }) {
  const link = make("a", { href: pathOfRun(run_id), title: run_id });
  const [state, about, share, left] = ["state", "about quiet small", "share", "quiet small"].map((className) =>
    make("span", { className }),
  );
  const bar = make("progress", { max: 1 });
  const element = make("li", {}, state, link, share, left, about, bar);

  function update(run) {
    const { progress } = run;
    const { share: done, of } = knownShare(run, progress);
    element.dataset.state = run.state;
    setText(state, run.state);
    setText(link, runName(run));
    const begun = run.started_at && `since ${shortTime(run.started_at)}`;
    setText(about, [progressText(run, progress), begun].filter(Boolean).join(" \u00b7 "));
    bar.ariaLabel = `Progress of ${runName(run)}`;
    if (done !== null) bar.value = done;
    else bar.removeAttribute("value");
    setText(share, done === null ? "" : percent(done));
    setText(left, Number.isFinite(progress?.eta_s) && of === "" ? `${roughly(progress.eta_s)} left` : of.trim());
  }

  return { element, update };
}
