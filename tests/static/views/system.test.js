import assert from "node:assert/strict";
import { test } from "node:test";
import { sparkline } from "../../../static/views/system.js";

test("a sparkline has a gap where nothing was measured, and ends at the right edge", () => {
  const { line, area } = sparkline([50, 100, null, 0], 100);
  assert.equal(line.match(/M/g).length, 2);
  assert.equal(area.match(/Z/g).length, 2);
  assert.match(line, /M120\.00 27\.00$/);
});
