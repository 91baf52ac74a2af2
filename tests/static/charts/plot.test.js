import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { runInThisContext } from "node:vm";
import { Line } from "../../../static/charts/lines.js";
import { append, NO_METRICS } from "../../../static/metrics.js";

runInThisContext(readFileSync(new URL("../../../static/vendor/uPlot-1.6.32.iife.min.js", import.meta.url), "utf8"));
const { dataOf } = await import("../../../static/charts/plot.js");

test("a line breaks where a value is not finite, whatever other lines have there", () => {
  const rows = Array.from({ length: 9 }, (_, i) => [i, i % 2 || i === 4 ? null : i / 2, 1]);
  const metrics = append(NO_METRICS, ["step", "a", "b"], rows, { a: { nan: [4] } });
  const lines = ["a", "b"].map((name) => new Line({ id: "run" }, name));
  for (const line of lines) line.update("step", metrics);
  const { data } = dataOf(lines, { view: { min: 0, max: 8 }, smoothing: 0, isLog: false, width: 600 });
  assert.deepEqual(data[1], [0, undefined, 1, null, null, null, 3, undefined, 4]);
  assert.deepEqual(data[2], Array(9).fill(1));
});

test("a logarithmic axis has no place for what is not positive", () => {
  const metrics = append(
    NO_METRICS,
    ["step", "a"],
    [
      [0, 1],
      [1, 0],
      [2, -1],
      [3, 2],
    ],
  );
  const line = new Line({ id: "run" }, "a");
  line.update("step", metrics);
  const { data } = dataOf([line], { view: { min: 0, max: 3 }, smoothing: 0, isLog: true, width: 600 });
  assert.deepEqual(data[1], [1, null, null, 2]);
});
