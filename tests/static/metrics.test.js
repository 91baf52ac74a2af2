import assert from "node:assert/strict";
import { test } from "node:test";
import {
  append,
  bestOf,
  epochsOf,
  fromAnswer,
  lastOf,
  NO_METRICS,
  nonFiniteOf,
  truncate,
} from "../../static/metrics.js";

const valuesOf = ({ count, columns }) =>
  Object.fromEntries([...columns].map(([name, all]) => [name, all.slice(0, count)]));

test("columns may widen and change their order", () => {
  const one = append(
    NO_METRICS,
    ["a", "b"],
    [
      [1, 2],
      [3, null],
    ],
  );
  const two = append(one, ["c", "b", "a"], [[30, 20, 10]]);
  const other = append(one, ["a"], [[7]]);
  assert.deepEqual(valuesOf(one), { a: [1, 3], b: [2, null] });
  assert.deepEqual(valuesOf(two), { a: [1, 3, 10], b: [2, null, 20], c: [null, null, 30] });
  assert.deepEqual(valuesOf(other), { a: [1, 3, 7], b: [2, null, null] });
  const again = append(truncate(two, 1), ["a", "b", "c"], [[5, 6, 7]]);
  assert.deepEqual(valuesOf(again), { a: [1, 5], b: [2, 6], c: [null, 7] });
});

test("a value that is not finite is not one that was not logged", () => {
  const one = append(NO_METRICS, ["a", "b"], [[1, null]]);
  const two = append(
    one,
    ["a", "b"],
    [
      [null, null],
      [null, 2],
    ],
    { a: { nan: [1], inf: [0] } },
  );
  assert.deepEqual(valuesOf(two), { a: [1, Infinity, NaN], b: [null, null, 2] });
  const data = [{ a: 1 }, { a: null }, {}];
  const answer = fromAnswer({ available_columns: ["a"], data, non_finite: { a: { "-inf": [1] } } });
  assert.deepEqual(valuesOf(answer), { a: [1, -Infinity, null] });
});

const NAMES = ["epoch", "val/rmse", "val/iou", "lr"];
const METRICS = append(
  NO_METRICS,
  NAMES,
  [
    [0.5, 3, 0.1, 9],
    [0.5, 2, null, 8],
    [1, 2, 0.4, 7],
    [1.5, null, 0.4, null],
    [1.5, null, 0.2, null],
  ],
  { "val/rmse": { nan: [3], "-inf": [4] } },
  { "val/rmse": "lower", "val/iou": "higher" },
);

test("only a metric with a direction has a best value", () => {
  assert.deepEqual(bestOf(METRICS, "val/rmse"), { value: 2, row: 1 });
  assert.deepEqual(bestOf(METRICS, "val/iou"), { value: 0.4, row: 2 });
  for (const name of ["epoch", "lr", "constructor"]) assert.equal(bestOf(METRICS, name), null);
});

test("epochs are the program's own, with the last value of each metric", () => {
  const epochs = [...epochsOf(METRICS, NAMES.slice(1))].map(([epoch, values]) => [epoch, Object.fromEntries(values)]);
  assert.deepEqual(epochs, [
    [0.5, { "val/rmse": 2, "val/iou": 0.1, lr: 8 }],
    [1, { "val/rmse": 2, "val/iou": 0.4, lr: 7 }],
    [1.5, { "val/rmse": -Infinity, "val/iou": 0.2 }],
  ]);
  assert.equal(lastOf(METRICS, "lr"), 7);
});

test("values that are not finite are counted by kind", () => {
  assert.deepEqual(nonFiniteOf(METRICS, "val/rmse"), [
    { kind: "nan", times: 1, row: 3 },
    { kind: "-inf", times: 1, row: 4 },
  ]);
});
