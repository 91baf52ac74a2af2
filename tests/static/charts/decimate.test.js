import assert from "node:assert/strict";
import { test } from "node:test";
import { decimate } from "../../../static/charts/decimate.js";

const xs = Array.from({ length: 100_000 }, (_, i) => i);
const ys = xs.map((x) => Math.sin(x / 5000));
Object.assign(ys, { 12345: 50, 77777: -50, 500: NaN, 501: Infinity, 60000: -Infinity, 60001: NaN });

test("few points keep every peak, every end and every gap", () => {
  const drawn = decimate(xs, ys, { min: 0, max: 99_999, columns: 600 });
  assert.ok(drawn.xs.length < 5 * 601);
  assert.deepEqual(
    drawn.xs,
    [...new Set(drawn.xs)].sort((a, b) => a - b),
  );
  const value = new Map(drawn.xs.map((x, i) => [x, drawn.ys[i]]));
  for (const x of [0, 12345, 77777, 99_999]) assert.equal(value.get(x), ys[x]);
  assert.deepEqual(
    [...value.keys()].filter((x) => value.get(x) === null),
    [500, 501, 60000, 60001],
  );
  assert.deepEqual(drawn.marks, [
    { kind: "nan", x: 500 },
    { kind: "inf", x: 501 },
    { kind: "-inf", x: 60000 },
    { kind: "nan", x: 60001 },
  ]);
});

test("a narrow view keeps all of its points and one on each side", () => {
  const drawn = decimate(xs, ys, { min: 12_340, max: 12_350, columns: 600 });
  assert.deepEqual(drawn.xs, xs.slice(12_339, 12_352));
});
