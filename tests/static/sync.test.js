import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, reduce } from "../../static/state.js";
import { Sync } from "../../static/sync.js";

const run = (run_id, state = "running") => ({ run_id, state });

/** A page's state behind a Sync, and the service that it talks to. */
function connect() {
  let state = INITIAL;
  const subscriptions = [];
  const sync = new Sync({
    getState: () => state,
    dispatch: (action) => {
      state = reduce(state, action);
    },
    send: (request, answered) => subscriptions.push({ request, answered }),
  });
  sync.connected();
  return {
    sync,
    subscriptions,
    metrics: (run_id, from_row, ...values) =>
      sync.receive("metrics", { run_id, columns: ["a"], from_row, rows: values.map((value) => [value]) }),
    log: (run_id, offset, text) => sync.receive("log", { run_id, offset, next_offset: offset + text.length, text }),
    answer: (of, from_row = 0, values = [], offset = 0, text = "", progress = null) =>
      subscriptions.at(-1).answered({
        run: of,
        progress,
        columns: ["a"],
        from_row,
        rows: values.map((value) => [value]),
        epochs: [],
        log: { offset, next_offset: offset + text.length, text },
      }),
    /** [run, its state, the metric's values, the log] as the page has them. */
    known: () => [
      state.run?.run_id ?? null,
      state.run?.state ?? null,
      (state.metrics.columns.get("a") ?? []).slice(0, state.metrics.count),
      state.log.chunks.map(({ text }) => text).join(""),
    ],
    progress: () => state.progress,
    /** What each subscription said that the page has. */
    positions: () => subscriptions.map(({ request }) => [request.row, request.log_offset]),
  };
}

test("events wait for the answer that they continue", () => {
  const { metrics, log, answer, known, positions } = connect();
  metrics("A", 0, 1); // This row is in the answer too.
  metrics("A", 1, 2);
  log("A", 0, "x");
  log("A", 1, "y");
  answer(run("A"), 0, [1], 0, "x");
  metrics("A", 2, 3);
  assert.deepEqual(known(), ["A", "running", [1, 2, 3], "xy"]);
  assert.deepEqual(positions(), [[0, null]]);
});

test("progress from before the answer does not outlive the run that the answer knows to have ended", () => {
  const { sync, answer, progress } = connect();
  sync.receive("progress", { run_id: "A", percent: 66 });
  answer(run("A", "completed"), 0, [], 0, "", { percent: 100 });
  assert.equal(progress().percent, 100);
});

test("one subscription fills a gap", () => {
  const { metrics, log, answer, known, positions } = connect();
  answer(run("A"), 0, [1], 0, "x");
  metrics("A", 3, 4); // Rows 1 and 2 are missing.
  log("A", 5, "z");
  metrics("A", 4, 5);
  answer(run("A"), 1, [2, 3, 4], 1, "yyyy");
  assert.deepEqual(known(), ["A", "running", [1, 2, 3, 4, 5], "xyyyyz"]);
  assert.deepEqual(positions(), [
    [0, null],
    [1, 1],
  ]);
});

test("a gap behind the answer is asked for again", () => {
  const { metrics, answer, known, positions } = connect();
  metrics("A", 5, 6);
  answer(run("A"), 0, [1, 2]);
  answer(run("A"), 2, [3, 4, 5, 6]);
  assert.deepEqual(known(), ["A", "running", [1, 2, 3, 4, 5, 6], ""]);
  assert.deepEqual(positions(), [
    [0, null],
    [2, 0],
  ]);
});

test("a new run begins with nothing of the former one", () => {
  const { sync, metrics, log, answer, known, positions } = connect();
  answer(run("A"), 0, [1, 2], 0, "old");
  sync.receive("run", run("B", "starting"));
  metrics("B", 0, 7);
  log("B", 0, "new");
  assert.deepEqual(known(), ["B", "starting", [7], "new"]);
  assert.deepEqual(positions(), [[0, null]]);
});

test("an answer about another run is asked for from that run's beginning", () => {
  const { sync, answer, known, positions } = connect();
  answer(run("A"), 0, [1, 2], 0, "old");
  sync.disconnected();
  sync.connected();
  answer(run("B"), 2, [9]); // It takes our rows of A for its own.
  answer(run("B"), 0, [7, 8, 9], 0, "new");
  assert.deepEqual(known(), ["B", "running", [7, 8, 9], "new"]);
  assert.deepEqual(positions(), [
    [0, null],
    [2, 3],
    [0, null],
  ]);
});

test("a run that changes during a subscription is asked about again", () => {
  const { sync, answer, known, positions } = connect();
  sync.receive("run", run("A", "completed"));
  sync.receive("run", run("B", "starting"));
  answer(run("B"), 0, [1]);
  answer(run("B"), 1, [2]);
  assert.deepEqual(known(), ["B", "running", [1, 2], ""]);
  assert.deepEqual(positions(), [
    [0, null],
    [1, 0],
  ]);
});

test("an earlier event does not take the end of a run back", () => {
  const { sync, answer, known } = connect();
  sync.receive("run", run("A", "stopping"));
  answer(run("A", "stopped"));
  assert.equal(known()[1], "stopped");
});

test("a late answer to a lost connection is ignored", () => {
  const { sync, subscriptions, answer, known, positions } = connect();
  const late = subscriptions[0].answered;
  sync.disconnected();
  sync.connected();
  answer(run("A"), 0, [1]);
  late({ run: run("A"), columns: ["a"], from_row: 0, rows: [], log: { offset: 0, next_offset: 0, text: "" } });
  assert.deepEqual(known(), ["A", "running", [1], ""]);
  assert.deepEqual(positions(), [
    [0, null],
    [0, null],
  ]);
});

test("of a log far ahead only the end is asked for", () => {
  const { answer, log, positions } = connect();
  answer(run("A"), 0, [1], 0, "x");
  log("A", 100_000_000, "y");
  assert.deepEqual(positions(), [
    [0, null],
    [1, null],
  ]);
});

test("that there is no run is an answer too", () => {
  const { sync, answer, known } = connect();
  answer(run("A"), 0, [1]);
  sync.disconnected();
  sync.connected();
  answer(null);
  answer(null);
  assert.deepEqual(known(), [null, null, [], ""]);
});

test("a page that follows one run takes in nothing of others", () => {
  const { sync, metrics, log, answer, known } = connect();
  sync.follow("A");
  answer(run("A"), 0, [1], 0, "x");
  sync.receive("run", run("B"));
  metrics("B", 0, 7);
  log("B", 0, "other");
  assert.deepEqual(known(), ["A", "running", [1], "x"]);
});

test("a run that was deleted is missing, and nothing of it stays", () => {
  const { sync, subscriptions, answer, known } = connect();
  answer(run("A"), 0, [1], 0, "x");
  sync.restart();
  subscriptions.at(-1).answered({ code: 404, message: "No run 'A'" });
  assert.deepEqual(known(), [null, null, [], ""]);
});

test("a run that begins while the answer says that it is queued is not overlooked", () => {
  const { sync, answer, known } = connect();
  sync.receive("run", run("A", "starting"));
  answer(run("A", "queued"));
  assert.equal(known()[1], "starting");
});

test("an earlier event does not put a run back into the queue", () => {
  const { sync, answer, known } = connect();
  sync.receive("run", run("A", "queued"));
  answer(run("A", "running"));
  assert.equal(known()[1], "running");
});
