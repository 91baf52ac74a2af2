import assert from "node:assert/strict";
import { test } from "node:test";
import { panned, within, zoomed } from "../../../static/charts/view.js";

const EXTENT = { min: 0, max: 100 };

test("zooming and panning stay within the data", () => {
  assert.deepEqual(zoomed(EXTENT, 25, 0.5, EXTENT), { min: 12.5, max: 62.5 });
  assert.deepEqual(panned({ min: 10, max: 30 }, 0.5, EXTENT), { min: 20, max: 40 });
  assert.deepEqual(panned({ min: 10, max: 30 }, -9, EXTENT), { min: 0, max: 20 });
});

test("a view of everything is no view", () => {
  assert.equal(zoomed({ min: 40, max: 60 }, 50, 9, EXTENT), null);
  assert.equal(within({ min: 5, max: 5 }, { min: 5, max: 5 }), null);
});
