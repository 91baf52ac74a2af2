import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest, Points } from "../../../static/charts/points.js";
import { append, NO_METRICS } from "../../../static/metrics.js";

test("points are in order of x, and of several at one x the last counts", () => {
  const points = new Points();
  const seen = [];
  let metrics = NO_METRICS;
  for (const rows of [
    [
      [1, 5],
      [1, 6],
      [2, null],
    ],
    [
      [3, 7],
      [null, 8],
    ],
    [
      [2, 9],
      [1, 4],
    ],
  ]) {
    metrics = append(metrics, ["step", "loss"], rows);
    points.update(metrics.columns.get("step"), metrics.columns.get("loss"), metrics.count);
    seen.push(structuredClone([points.xs, points.ys]));
  }
  assert.deepEqual(seen, [
    [[1], [6]],
    [
      [1, 3],
      [6, 7],
    ],
    [
      [1, 2, 3],
      [4, 9, 7],
    ],
  ]);
  assert.deepEqual(
    [0, 1.4, 1.6, 9].map((x) => nearest(points.xs, x)),
    [0, 0, 1, 2],
  );
  assert.equal(nearest([], 1), -1);
});

test("without an axis the row numbers are the x", () => {
  const points = new Points();
  points.update(null, [null, 4, 5], 3);
  assert.deepEqual(points.xs, [1, 2]);
});
