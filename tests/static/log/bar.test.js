import assert from "node:assert/strict";
import { test } from "node:test";
import { foundText } from "../../../static/log/bar.js";

const SEARCH = { text: "x", hits: [], current: -1, isOver: true, hasFailed: false, searched: 0, size: 100 };

test("the number of matches is shown, and while the search goes on how far it is", () => {
  assert.equal(foundText({ ...SEARCH, text: "" }), "");
  assert.equal(foundText({ ...SEARCH, hits: [1, 2] }), "2 lines");
  assert.equal(foundText({ ...SEARCH, hits: [1, 2], current: 1 }), "2 of 2");
  assert.match(foundText({ ...SEARCH, hits: [1], isOver: false, searched: 50 }), /^1 line.*50%/);
  assert.match(foundText({ ...SEARCH, hasFailed: true }), /failed/);
});
