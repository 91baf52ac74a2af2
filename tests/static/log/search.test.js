import assert from "node:assert/strict";
import { test } from "node:test";
import { LogSearch } from "../../../static/log/search.js";

const ANSWERS = {
  0: { lines: [3, 7], next_offset: 10, size: 20 },
  10: { lines: [15], next_offset: 20, size: 20 },
  20: { lines: [22], next_offset: 25, size: 25 },
};

test("a search goes through the log one chunk after another", async () => {
  const steps = [];
  const search = new LogSearch(
    async (_, offset) => ANSWERS[offset],
    () => steps.push([search.hits.length, search.isOver]),
  );
  await search.begin("x");
  assert.deepEqual(steps, [
    [0, false],
    [2, false],
    [3, true],
  ]);
  assert.deepEqual([search.go(1, 5), search.go(1), search.go(1), search.go(-1)], [7, 15, 3, 15]);
  await search.resume();
  assert.deepEqual(search.hits, [3, 7, 15, 22]);
});

test("an empty text ends the search that is under way", async () => {
  const search = new LogSearch(
    async (_, offset) => ANSWERS[offset],
    () => {},
  );
  search.begin("y");
  await search.begin("");
  assert.deepEqual([search.hits, search.go(1)], [[], null]);
});

test("a search that gets no answer says so and keeps what it found", async () => {
  const search = new LogSearch(
    async (_, offset) => (offset === 0 ? ANSWERS[0] : Promise.reject(new Error("away"))),
    () => {},
  );
  await search.begin("x");
  assert.deepEqual([search.hits, search.hasFailed, search.isOver], [[3, 7], true, true]);
});
