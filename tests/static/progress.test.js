import assert from "node:assert/strict";
import { test } from "node:test";
import { fraction, knownShare, progressText } from "../../static/progress.js";

const OURS = { phase: "fit", epoch: 3, max_epochs: 10, step: 35, total_steps: 100 };
const textOf = (progress, state = "running") => progressText({ state }, progress);

test("epochs that are done are counted", () => {
  assert.equal(textOf(OURS), "3 of 10 epochs done");
  assert.equal(textOf({ ...OURS, step: 30 }), "3 of 10 epochs done");
  assert.equal(textOf({ ...OURS, step: 100, phase: "test" }, "completed"), "10 of 10 epochs done");
});

test("without a number of steps the epoch is the program's own", () => {
  assert.equal(textOf({ epoch: 0.5 }), "Epoch 0.5");
  assert.equal(textOf({ epoch: 2, max_epochs: 3, total_steps: null }), "Epoch 2 of 3");
});

test("before the training there is no progress", () => {
  assert.equal(textOf({ ...OURS, phase: "loading" }), "Loading libraries");
  assert.equal(textOf({ epoch: 0, max_epochs: 9, phase: "loading" }, "stopped"), "");
  assert.equal(textOf(null), "Running");
  assert.equal(textOf(null, "stopping"), "Stopping…");
});

test("the share that is done is between 0 and 1, or unknown", () => {
  assert.equal(fraction({ state: "running" }, OURS), 0.35);
  assert.equal(fraction({ state: "running" }, { ...OURS, step: 200 }), 1);
  assert.equal(fraction({ state: "completed" }, null), 1);
  assert.equal(fraction({ state: "running" }, { ...OURS, phase: "prepare" }), null);
  assert.equal(fraction({ state: "running" }, { step: 3 }), null);
});

test("a percentage counts for the training only if it is about the training", () => {
  const running = { state: "running" };
  assert.equal(fraction(running, { percent: 40, scope: "training" }), 0.4);
  assert.equal(fraction(running, { percent: 40, scope: "epoch", epoch: 2, max_epochs: null }), null);
  assert.deepEqual(knownShare(running, { percent: 40, scope: "training" }), { share: 0.4, of: "" });
  assert.deepEqual(knownShare(running, { percent: 40, scope: "epoch" }), { share: 0.4, of: " of this epoch" });
  assert.deepEqual(knownShare(running, { percent: 40, scope: "bar" }), { share: 0.4, of: " of the current bar" });
  assert.deepEqual(knownShare({ state: "failed" }, { percent: 40, scope: "bar" }), { share: null, of: "" });
  assert.deepEqual(knownShare(running, { percent: null, scope: null, step: 3 }), { share: null, of: "" });
  assert.deepEqual(knownShare(running, null), { share: null, of: "" });
});
