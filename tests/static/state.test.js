import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, reduce } from "../../static/state.js";

const RUN = { run_id: "A", state: "running" };

test("a notice goes when the connection is back", () => {
  let state = reduce(INITIAL, { type: "notice", text: "It broke." });
  const notices = ["live", "offline", "live"].map((status) => {
    state = reduce(state, { type: "connection", status });
    return state.notice;
  });
  assert.deepEqual(notices, ["It broke.", "It broke.", null]);
});

test("the newest chunks of a long log are kept", () => {
  let state = reduce(INITIAL, { type: "run", run: RUN });
  const text = "x".repeat(200 * 1024);
  for (let i = 0; i < 4; i += 1) {
    state = reduce(state, { type: "log", offset: i * text.length, next_offset: (i + 1) * text.length, text });
  }
  assert.deepEqual(
    state.log.chunks.map(({ offset }) => offset),
    [2 * text.length, 3 * text.length],
  );
  const whole = reduce(state, { type: "log", offset: 0, next_offset: 1, text: "y".repeat(1024 * 1024) });
  assert.equal(whole.log.chunks.length, 1, "the last one stays, however long it is");
});

test("a view of another run shows nothing of the former one", () => {
  const state = reduce(INITIAL, { type: "run", run: RUN });
  const same = reduce(state, { type: "navigated", view: { name: "run", runId: "A", query: {} } });
  assert.equal(same.run, RUN);
  const other = reduce(state, { type: "navigated", view: { name: "run", runId: "B", query: {} } });
  assert.deepEqual([other.run, other.isLoaded], [null, false]);
});

test("what REST knows of a run includes its notes", () => {
  const state = reduce(INITIAL, { type: "run", run: { ...RUN, title: null, note: null, tags: [] } });
  const detail = { run_id: "A", title: "Baseline", note: null, tags: ["paper"] };
  const now = reduce(state, { type: "detail", detail });
  assert.deepEqual([now.run.title, now.run.tags, now.run.state], ["Baseline", ["paper"], "running"]);
  assert.equal(reduce(now, { type: "detail", detail }).run, now.run);
});

test("an unknown action is an error", () => {
  assert.throws(() => reduce(INITIAL, { type: "unknown" }), /unknown/);
});
