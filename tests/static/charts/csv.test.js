import assert from "node:assert/strict";
import { test } from "node:test";
import { toCsv } from "../../../static/charts/csv.js";
import { append, NO_METRICS } from "../../../static/metrics.js";

const NAME = 'a "b", c';
const ONE = {
  id: "A",
  metrics: append(
    NO_METRICS,
    ["step", NAME],
    [
      [1, 0.5],
      [2, null],
      [3, null],
    ],
    { [NAME]: { nan: [2] } },
  ),
};
const OTHER = { id: "B", metrics: append(NO_METRICS, ["lr"], [[1]]) };

const lines = (runs) => toCsv(runs).split("\r\n").slice(0, -1);

test("a CSV file has what was logged", () => {
  assert.deepEqual(lines([ONE]), ['"a ""b"", c",step', "0.5,1", ",2", "nan,3"]);
});

test("of several runs each row names its own", () => {
  assert.deepEqual(lines([ONE, OTHER]), ['run_id,"a ""b"", c",lr,step', "A,0.5,,1", "A,,,2", "A,nan,,3", "B,,1,"]);
});
