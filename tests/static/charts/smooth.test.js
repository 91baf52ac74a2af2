import assert from "node:assert/strict";
import { test } from "node:test";
import { smoothed } from "../../../static/charts/smooth.js";

test("each value is the weighted mean of the finite ones so far", () => {
  const expected = [
    1,
    (0.5 * 1 + 3) / 1.5,
    NaN,
    (0.25 * 1 + 0.5 * 3 + 5) / 1.75,
    (0.125 + 0.25 * 3 + 0.5 * 5 + 4) / 1.875,
  ];
  smoothed([1, 3, NaN, 5, 4], 0.5).forEach((value, i) => {
    assert.ok(Object.is(value, expected[i]) || Math.abs(value - expected[i]) < 1e-12, `value ${i} is ${value}`);
  });
});
