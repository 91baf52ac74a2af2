import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bytes,
  count,
  counted,
  datasetName,
  duration,
  megabytes,
  metric,
  numeral,
  parameterText,
  percent,
  percentage,
  roughly,
} from "../../static/format.js";

test("a run without a dataset is named after its folder", () => {
  assert.equal(datasetName({ dataset: "digits" }), "digits");
  assert.equal(datasetName({ dataset: null, train_data_dir: "/data/pets/train/" }), "pets");
  assert.equal(datasetName({ train_data_dir: null, test_data_dir: "/data/pets/test" }), "pets");
  assert.equal(datasetName({}), undefined);
  assert.equal(datasetName(null), undefined);
});

test("metrics have enough digits to tell neighbours apart", () => {
  const cases = [
    [0, "0.0000"],
    [0.98765, "0.9877"],
    [37, "37.00"],
    [1234.5, "1234.5"],
    [0.00123, "0.00123"],
  ];
  for (const [value, text] of [...cases, [1e-7, "1.00e\u22127"], [2.5e7, "2.50e7"], [-0.5, "\u22120.5000"]]) {
    assert.equal(metric(value), text);
  }
  assert.deepEqual([NaN, Infinity, -Infinity, null].map(metric), ["NaN", "\u221e", "\u2212\u221e", "\u2013"]);
});

test("numbers have their unit, and what is unknown is a dash", () => {
  assert.equal(count(12345), "12\u2009345");
  assert.equal(numeral(1.5), "1.5");
  assert.equal(percentage(0.99169), "99.17%");
  assert.equal(percentage(1), "100%");
  assert.deepEqual([999, 1500, 999_999, 2.5e6].map(bytes), [
    "999\u202fbytes",
    "1.50\u202fkB",
    "1.00\u202fMB",
    "2.50\u202fMB",
  ]);
  assert.deepEqual([5, 65, 3700, 90_000].map(duration), ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
  assert.equal(roughly(3700), "1 h");
  for (const format of [count, numeral, percentage, bytes, duration]) assert.equal(format(undefined), "\u2013");
});

test("a machine may have terabytes", () => {
  assert.deepEqual([519, 16_384, 2_000_000].map(megabytes), ["519\u202fMB", "16.4\u202fGB", "2.00\u202fTB"]);
});

test("only all of it is 100%", () => {
  assert.deepEqual([0.29, 0.999, 1].map(percent), ["29%", "99%", "100%"]);
});

test("a parameter without a value is none", () => {
  assert.deepEqual([null, undefined, "a", [1], 0.1].map(parameterText), ["none", "\u2013", "a", "[1]", "0.1"]);
});

test("one is singular", () => {
  assert.deepEqual(
    [0, 1, 1200].map((number) => counted(number, "run")),
    ["0 runs", "1 run", "1\u2009200 runs"],
  );
  assert.equal(counted(2, "class", "classes"), "2 classes");
});
