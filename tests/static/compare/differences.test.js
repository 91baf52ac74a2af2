import assert from "node:assert/strict";
import { test } from "node:test";
import { differences, results, shortNames } from "../../../static/compare/differences.js";
import { append, lastOf, NO_METRICS } from "../../../static/metrics.js";

test("only parameters that differ are listed, by path", () => {
  const one = { seed: 1, model: { depths: [1, 2], config: {} }, only: true };
  const two = { seed: 1, model: { depths: [1, 3], config: {} }, lr: null };
  assert.deepEqual(differences([one, two]), [
    ["lr", [undefined, null]],
    [
      "model.depths",
      [
        [1, 2],
        [1, 3],
      ],
    ],
    ["only", [true, undefined]],
  ]);
});

test("the best run of a metric stands out, unless all are as good", () => {
  const directions = { "val/loss": "lower", "val/acc": "higher" };
  const worse = append(NO_METRICS, ["val/loss", "lr"], [[2, 1]], {}, directions);
  const better = append(NO_METRICS, ["val/loss", "val/acc"], [[1, 1]], {}, directions);
  const found = results([worse, NO_METRICS, better], lastOf).map(({ name, best }) => [name, best]);
  assert.deepEqual(found, [
    ["val/loss", [2]],
    ["val/acc", []],
  ]);
});

test("runs are named by what differs in their ids", () => {
  const ids = ["2026-01-01_10-00-00", "2026-01-01_10-05-00", "2026-01-02_10-00-00"];
  assert.deepEqual(shortNames(ids.slice(0, 2)), ["10-00-00", "10-05-00"]);
  assert.deepEqual(shortNames([ids[0], ids[2]]), [ids[0], ids[2]]);
  assert.deepEqual(shortNames(["one"]), ["one"]);
});
