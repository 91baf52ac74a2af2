import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { baseURI: "http://localhost:8000/" };
const { hasEnded } = await import("../../static/notification.js");

const run = (state, run_id = "a") => ({ run_id, state });

test("only the end of the run that was active is announced", () => {
  assert.equal(hasEnded(run("completed"), run("running")), true);
  assert.equal(hasEnded(run("stopped"), run("stopping")), true);
  assert.equal(hasEnded(run("running"), run("starting")), false);
  assert.equal(hasEnded(run("completed"), run("completed")), false);
  assert.equal(hasEnded(run("completed", "b"), run("running")), false);
  assert.equal(hasEnded(run("completed"), null), false);
  assert.equal(hasEnded(null, run("running")), false);
});
