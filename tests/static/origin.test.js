import assert from "node:assert/strict";
import { test } from "node:test";
import { originOf } from "../../static/origin.js";

const UNKNOWN = { argv: null, cwd: null, host: null, git: null, python: null, packages: null, gpu_driver: null };

test("only what is known is shown", () => {
  assert.deepEqual(originOf(null), []);
  assert.deepEqual(originOf(UNKNOWN), []);
  assert.deepEqual(originOf({ ...UNKNOWN, argv: ["python", "a b.py"] }), [["Command", "python 'a b.py'"]]);
});

test("a commit tells its branch, and how many files were changed", () => {
  const commitOf = (git) => originOf({ ...UNKNOWN, git })[0][1];
  assert.equal(commitOf({ commit: "abc", branch: "main", num_changed: 0 }), "abc (main), unchanged");
  assert.equal(commitOf({ commit: "abc", branch: null, num_changed: 1 }), "abc, 1 file changed");
  assert.equal(commitOf({ commit: "abc", branch: "main", num_changed: null }), "abc (main)");
});
