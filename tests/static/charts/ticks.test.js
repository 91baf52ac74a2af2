import assert from "node:assert/strict";
import { test } from "node:test";
import { linearTicks, logTicks, rangeOf, tickText } from "../../../static/charts/ticks.js";

/** Compare numbers up to rounding. */
function assertClose(found, expected) {
  assert.equal(found.length, expected.length, `${found} is not ${expected}`);
  found.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]) < 1e-12, `${found} is not ${expected}`);
  });
}

test("ticks are round and few", () => {
  assertClose(linearTicks(0.12, 0.91, 5), [0.2, 0.4, 0.6, 0.8]);
  assertClose(linearTicks(-3, 1234, 5), [0, 500, 1000]);
  assertClose(logTicks(0.013, 4, 6), [0.03, 0.1, 0.3, 1, 3]);
  assertClose(logTicks(1e-9, 1e6, 5), [1e-9, 1e-6, 1e-3, 1, 1000, 1e6]);
  assertClose(logTicks(0.21, 0.29, 5), [0.22, 0.24, 0.26, 0.28]);
});

test("a range has some room, even around a single value", () => {
  assertClose(rangeOf(2, 2, false), [1.88, 2.12]);
  assertClose(rangeOf(null, null, false), [0, 1]);
  assertClose(rangeOf(0.001, 0.001 + 2e-19, false), [0.00094, 0.00106]); // One value and the noise of its last digit.
  const [low, high] = rangeOf(0.001, 10, true);
  assert.ok(low < 0.001 && high > 10);
});

test("a tick's text is short", () => {
  assert.deepEqual([0.00001, -0.5, 1500, 12345678].map(tickText), ["1e\u22125", "\u22120.5", "1500", "1.2345678e7"]);
});

test("ticks of one axis are written alike", () => {
  assert.deepEqual([0.0009, 0.001, 0.0011].map(tickText), ["0.0009", "0.001", "0.0011"]);
});
