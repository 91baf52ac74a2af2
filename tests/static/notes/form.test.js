import assert from "node:assert/strict";
import { test } from "node:test";
import { changesOf } from "../../../static/notes/form.js";
import { withTyped } from "../../../static/notes/tags.js";

test("only what a person has changed is sent", () => {
  const before = { title: null, note: "a\nb", tags: ["x"] };
  assert.deepEqual(changesOf(before, { title: null, note: "a\nb", tags: ["x"] }), {});
  assert.deepEqual(changesOf(before, { title: "T", note: null, tags: ["x", "y"] }), {
    title: "T",
    note: null,
    tags: ["x", "y"],
  });
});

test("typed tags are separated by commas and join the others once", () => {
  assert.deepEqual(withTyped(["a, b"], " c ,, a, b  b ,c"), ["a, b", "c", "a", "b b"]);
  assert.deepEqual(withTyped(["a"], " "), ["a"]);
});
