import assert from "node:assert/strict";
import { test } from "node:test";
import { pathsOf } from "../../static/sparkline.js";

test("a sparkline has a gap where a value is unknown, and where nobody measured for long", () => {
  const lines = (xs, values) => pathsOf(xs, values, 100, 10).line.match(/M/g).length;
  assert.equal(lines([0, 10, 20], [1, 2, 3]), 1);
  assert.equal(lines([0, 10, 20], [1, null, 3]), 2);
  assert.equal(lines([0, 10, 21], [1, 2, 3]), 2);
});
