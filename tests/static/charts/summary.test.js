import assert from "node:assert/strict";
import { test } from "node:test";
import { Line } from "../../../static/charts/lines.js";
import { bestText, nonFiniteText, summaryOf, valueText } from "../../../static/charts/summary.js";
import { append, NO_METRICS } from "../../../static/metrics.js";

test("a value beside the cursor names its own place", () => {
  const line = { points: { xs: [99, 400], ys: [0.5, 0.9875] } };
  assert.equal(valueText(line, "step", 400), "0.9875");
  assert.equal(valueText(line, "step", 260), "0.9875 (step 400)");
  assert.equal(valueText({ points: { xs: [], ys: [] } }, "step", 1), "\u2013");
});

test("a run without the axis has no points on it, but its best value", () => {
  const metrics = append(
    NO_METRICS,
    ["epoch", "loss"],
    [
      [0, 2],
      [1, null],
    ],
    { loss: { nan: [1] } },
    { loss: "lower" },
  );
  const line = new Line({ id: "run" }, "loss");
  const at = (axis) => {
    line.update(axis, metrics);
    return [line.points.xs, bestText(line.best, axis), nonFiniteText(line.nonFinite, axis)];
  };
  assert.deepEqual(at("step"), [[], "best 2.0000", "NaN once"]);
  assert.deepEqual(at("epoch"), [[0, 1], "best 2.0000 at epoch 0", "NaN once, at epoch 1"]);
  assert.deepEqual(at("row"), [[0, 1], "best 2.0000 at row 0", "NaN once, at row 1"]);
});

test("a chart in words has a sentence for each line", () => {
  const line = { label: "val", points: { xs: [1, 2], ys: [3, 4] }, best: { x: 1, y: 3 }, nonFinite: [] };
  const empty = { label: "train", points: { xs: [], ys: [] }, best: null, nonFinite: [] };
  const words = summaryOf("loss", "step", [line, empty]);
  assert.match(words, /val: 4\.0000 at step 2, best 3\.0000 at step 1\. train: /);
  assert.match(summaryOf("loss", "step", []), /hidden/);
});
