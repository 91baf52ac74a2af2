import assert from "node:assert/strict";
import { test } from "node:test";
import { dropPosition, moved, QueueControl, target } from "../../static/queue.js";
import { INITIAL, reduce } from "../../static/state.js";
import { createStore } from "../../static/store.js";

const queueOf = (ids, more = {}) => ({
  paused: false,
  num_runs: ids.length,
  runs: ids.map((run_id, i) => ({ run_id, position: i + 1, config_name: `${run_id}.yaml` })),
  ...more,
});
const idsOf = ({ runs }) => runs.map(({ run_id }) => run_id).join("");
const unplaced = { run_id: "X", position: null, config_name: null };

/** A service that answers when the test says so. */
function serviceOf(queue) {
  const asked = [];
  const ask = (method) => (path, body) =>
    new Promise((answer, refuse) => asked.push({ method, path, body, answer, refuse }));
  const store = createStore(reduce, { ...INITIAL, queue });
  const problems = [];
  const api = { get: ask("GET"), patch: ask("PATCH"), post: ask("POST") };
  const control = new QueueControl({ api, ...store, refused: ({ message }) => problems.push(message) });
  return { control, asked, problems, ...store };
}

test("a run moves within the runs that have a place", () => {
  const queue = queueOf(["A", "B", "C"]);
  queue.runs.push(unplaced);
  queue.num_runs = 4;
  const targets = (run) => ["first", "up", "down", "last", "drag"].map((move) => target(queue, run, move));
  assert.deepEqual(targets(queue.runs[0]), [1, 1, 2, 3, undefined]);
  assert.deepEqual(targets(queue.runs[2]), [1, 2, 3, 3, undefined]);
});

test("a move renumbers the runs, except those without a place", () => {
  const queue = moved({ ...queueOf(["A", "B", "C"]), runs: [...queueOf(["A", "B", "C"]).runs, unplaced] }, "A", 3);
  assert.deepEqual(
    queue.runs.map(({ run_id, position }) => [run_id, position]),
    [
      ["B", 1],
      ["C", 2],
      ["A", 3],
      ["X", null],
    ],
  );
});

test("a dropped run takes the place of the row over which it is", () => {
  const middles = [10, 30, 50];
  assert.deepEqual(
    [5, 29, 31, 99].map((y) => dropPosition(middles, 0, y)),
    [1, 1, 2, 3],
  );
  assert.deepEqual(
    [5, 29, 31].map((y) => dropPosition(middles, 2, y)),
    [1, 2, 3],
  );
});

test("moves are shown at once, and sent to the service one after the other", async () => {
  const { control, asked, getState } = serviceOf(queueOf(["A", "B", "C"]));
  control.move("A", 2);
  control.move("A", 3);
  control.move("C", 1);
  const done = control.move("C", 2);
  assert.equal(idsOf(getState().queue), "BCA");
  assert.equal(getState().queueMessage, "C is now at position 2 of 3.");
  const sent = [];
  for (let i = 0; i < 3; i += 1) {
    assert.equal(asked.length, i + 1, "one at a time");
    sent.push([asked[i].path, asked[i].body.position]);
    asked[i].answer(queueOf(i === 2 ? ["B", "C", "A"] : ["stale"]));
    await new Promise(setImmediate);
    assert.equal(idsOf(getState().queue), "BCA", "an answer to an earlier move is not shown");
  }
  await done;
  assert.deepEqual(sent, [
    ["training/queue/A?limit=5", 2],
    ["training/queue/A?limit=5", 3],
    ["training/queue/C?limit=5", 2],
  ]);
});

test("a refused move is reported, and the page shows the queue as it is", async () => {
  const { control, asked, problems, getState } = serviceOf(queueOf(["A", "B"]));
  const done = control.move("B", 1);
  asked[0].refuse({ problem: { code: 409, message: "Run B is running." } });
  await new Promise(setImmediate);
  assert.deepEqual(problems, ["Run B is running."]);
  assert.equal(getState().queueMessage, null);
  asked[1].answer(queueOf(["A"]));
  await done;
  assert.equal(asked[1].method, "GET");
  assert.equal(idsOf(getState().queue), "A");
});

test("many changes during a question are one more question", async () => {
  const { control, asked, getState } = serviceOf(null);
  const done = control.load();
  for (let i = 0; i < 9; i += 1) control.load();
  asked[0].answer(queueOf(["A"]));
  await new Promise(setImmediate);
  asked[1].answer(queueOf(["B"]));
  await done;
  assert.equal(asked.length, 2);
  assert.equal(idsOf(getState().queue), "B");
});

test("a run that has just left cannot be moved on the page", () => {
  const state = reduce({ ...INITIAL, queue: queueOf(["A"]) }, { type: "queueMoved", runId: "gone", position: 1 });
  assert.equal(idsOf(state.queue), "A");
});

test("a run that moves below the last row shown shows more rows", () => {
  let state = { ...INITIAL, queue: queueOf(["A", "B", "C", "D", "E"], { num_runs: 900 }) };
  state = reduce(state, { type: "queueMoved", runId: "E", position: 6 });
  assert.equal(state.queueLimit, 55);
  state = reduce(state, { type: "queueMoved", runId: "A", position: 900 });
  assert.equal(state.queueLimit, 55, "but not all rows before the end");
  assert.equal(state.queue.runs.at(-1).position, 900);
  state = reduce(state, { type: "navigated", view: { name: "runs", runId: null, query: {} } });
  assert.deepEqual([state.queueLimit, state.queueMessage], [20, null]);
});
