/** The queue: which runs wait, why, and in which order. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { count, counted, runName, sentence, shortTime } from "../format.js";
import { isMovable, isQueueShown, MORE, target } from "../queue.js";
import { pathOfRun } from "../router.js";
import { draggable } from "./drag.js";

const MOVE_OF_KEY = { ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" };

/**
 * `getQueue()` returns the queue of this moment, because keys may come faster than frames. `move(runId, position)`,
 * `cancel(run)`, `setPaused(isPaused)` and `showMore()` do what a person asks for. Return the function that renders.
 */
export function createQueueView({ getQueue, move, cancel, setPaused, showMore }) {
  let isOutdated = false;
  const list = byId("queued");
  const rows = new Map();

  const runOf = (element) => getQueue().runs.find(({ run_id }) => run_id === element.closest("li")?.dataset.run);

  function act(run, action) {
    if (action === "cancel") return cancel(run);
    const position = target(getQueue(), run, action);
    if (position !== undefined && position !== run.position) move(run.run_id, position);
  }

  list.addEventListener("click", ({ target: element }) => {
    const action = element.closest("button")?.dataset.action;
    const run = action && runOf(element);
    if (run) act(run, action);
  });
  list.addEventListener("keydown", (event) => {
    const action = event.target.dataset.action === "drag" && MOVE_OF_KEY[event.key];
    if (!action) return;
    event.preventDefault(); // Else the page scrolls.
    const run = runOf(event.target);
    if (run) act(run, action);
  });
  const drag = draggable(list, {
    isMovable: (row) => row.dataset.movable === "true",
    dropped(row, position) {
      const run = runOf(row);
      if (run && position !== null && position !== run.position) move(run.run_id, position);
      else if (isOutdated) renderRows();
    },
  });
  byId("queue-pause").addEventListener("click", () => setPaused(!getQueue().paused));
  byId("queue-more").addEventListener("click", showMore);

  /** Rows stay the same elements, so that a click that has begun is not lost. Whoever has the focus keeps it. */
  function renderRows() {
    isOutdated = drag.isDragging();
    if (isOutdated) return;
    const queue = getQueue();
    const focused = focusIn(list);
    for (const runId of [...rows.keys()].filter((id) => !queue.runs.some(({ run_id }) => run_id === id))) {
      rows.get(runId).element.remove();
      rows.delete(runId);
    }
    queue.runs.forEach((run, i) => {
      if (!rows.has(run.run_id)) rows.set(run.run_id, createRow(run));
      const { element, update } = rows.get(run.run_id);
      update(run, queue);
      if (list.children[i] !== element) list.insertBefore(element, list.children[i] ?? null);
    });
    if (focused !== null) focusAgain(list, focused);
  }

  return whenChanged(
    (state) => [state.queue, state.queueMessage, state.view.name],
    (state) => {
      const { queue, queueMessage } = state;
      byId("queue").hidden = !isQueueShown(state);
      renderFrame(queue, queueMessage);
      if (queue !== null) renderRows();
    },
  );
}

function renderFrame(queue, message) {
  setText(byId("queue-message"), message ?? "");
  if (queue === null) return;
  const isEmpty = queue.num_runs === 0;
  setText(byId("queue-count"), isEmpty ? "" : counted(queue.num_runs, "queued run"));
  byId("no-queued").hidden = !isEmpty || queue.paused;
  byId("queue-paused").hidden = !queue.paused;
  byId("queue-pause").hidden = !queue.pausable && !queue.paused;
  setText(byId("queue-pause"), queue.paused ? "Resume queue" : "Pause queue");
  byId("queue-of-cluster").hidden = queue.pausable || isEmpty;
  const numHidden = queue.num_runs - queue.runs.length;
  byId("queue-more").hidden = numHidden <= 0;
  setText(byId("queue-more"), numHidden > MORE ? `Show ${MORE} more of ${count(numHidden)}` : `Show ${numHidden} more`);
}

/** A row's element, and the function that updates it with the run and the queue. */
function createRow({ run_id }) {
  const [place, about, reason] = ["place", "about quiet small", "reason quiet small"].map((className) =>
    make("span", { className }),
  );
  const link = make("a", { href: pathOfRun(run_id), title: run_id });
  const grip = button("drag", "\u2807", "grip plain");
  grip.setAttribute("aria-describedby", "queue-keys");
  const moves = [button("first", "Top"), button("up", "\u2191"), button("down", "\u2193")];
  const cancel = button("cancel", "Cancel\u2026", "danger");
  const text = make("div", { className: "queued-run" }, link, about, reason);
  const actions = make("div", { className: "actions" }, ...moves, cancel);
  const element = make("li", {}, grip, place, text, actions);
  element.dataset.run = run_id;

  function update(run, queue) {
    const name = runName(run);
    setText(place, isMovable(run) ? String(run.position) : "\u2013");
    setText(link, name);
    setText(about, aboutRun(run));
    element.dataset.movable = isMovable(run);
    setText(reason, sentence(run.reason ?? "It starts in a moment"));
    for (const each of [grip, ...moves]) each.hidden = !isMovable(run);
    const label = `${name}, position ${run.position}`;
    for (const [each, text] of [
      [grip, `Move ${label}`],
      [moves[0], `Move ${label}, to the top`],
      [moves[1], `Move ${label}, up`],
      [moves[2], `Move ${label}, down`],
      [cancel, isMovable(run) ? `Cancel ${label}` : `Cancel ${name}, ${run.run_id}`],
    ])
      if (each.ariaLabel !== text) each.ariaLabel = text;
    for (const each of moves) each.ariaDisabled = String(target(queue, run, each.dataset.action) === run.position);
  }

  return { element, update };
}

function button(action, text, className = "") {
  const element = make("button", { type: "button", className: `small ${className}`, text });
  element.dataset.action = action;
  element.dataset.changes = "";
  return element;
}

function aboutRun({ dataset, model_name, priority, gpus, queued_at }) {
  return [
    dataset,
    model_name,
    gpus !== null && counted(gpus, "GPU"),
    priority !== 0 && `priority ${priority}`,
    queued_at !== null && `since ${shortTime(queued_at)}`,
  ]
    .filter(Boolean)
    .join(" \u00b7 ");
}

/** Where the focus is: the run, the button, and the row's index. null if it is elsewhere. */
function focusIn(list) {
  const row = document.activeElement?.closest("li");
  if (!row || !list.contains(row)) return null;
  const { action } = document.activeElement.dataset;
  return { runId: row.dataset.run, action, index: [...list.children].indexOf(row) };
}

/** Focus the same button again. If its run has left, that of the run at its place. If none is left, the title. */
function focusAgain(list, { runId, action, index }) {
  const rows = [...list.children];
  const row = rows.find((each) => each.dataset.run === runId) ?? rows[Math.min(index, rows.length - 1)];
  const same = row?.querySelector(action ? `[data-action="${action}"]:not([hidden])` : "a");
  (same ?? row?.querySelector("a") ?? byId("queue-title")).focus();
}
