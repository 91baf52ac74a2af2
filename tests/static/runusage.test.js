import assert from "node:assert/strict";
import { test } from "node:test";
import { measuresOf, NO_RUN_USAGE, statisticsOf, withAnswer, withSystem } from "../../static/runusage.js";

const gpu = (index, used) => ({
  index,
  utilisation_percent: used,
  memory_used_mb: 1,
  power_w: null,
  temperature_c: 60,
});

const system = (time, runId, ...indices) => ({
  time,
  gpus: [gpu(0, 10), gpu(1, 90)],
  runs: [{ run_id: runId, cpu_percent: 50, memory_mb: 700, gpus: indices }],
});

const ANSWER = { every_s: 4, times: [100, 104], cpu_percent: [90, null], memory_mb: [500, 600], gpus: [] };

test("a sample has only the run's own GPUs, and one of another run changes nothing", () => {
  const usage = withSystem(NO_RUN_USAGE, system(1, "a", 1), "a");
  assert.deepEqual(
    usage.rows[0].gpus.map(({ index }) => index),
    [1],
  );
  assert.equal(withSystem(usage, system(2, "b"), "a"), usage);
});

test("the service's rows replace our samples up to their end", () => {
  let usage = NO_RUN_USAGE;
  for (const time of [103, 104, 105]) usage = withSystem(usage, system(time, "a"), "a");
  usage = withAnswer(usage, ANSWER);
  assert.deepEqual(
    usage.rows.map(({ time }) => time),
    [100, 104, 105],
  );
  assert.equal(usage.everyS, 4);
  assert.deepEqual(measuresOf(usage.rows)[0].values, [90, null, 50]);
});

test("a GPU has four measures, also if it is in a part of the rows only", () => {
  const usage = withSystem(withAnswer(NO_RUN_USAGE, ANSWER), system(200, "a", 1), "a");
  const titles = measuresOf(usage.rows).map(({ title }) => title);
  assert.deepEqual(titles.slice(2), ["GPU 1", "GPU 1 memory", "GPU 1 temperature", "GPU 1 power"]);
  assert.deepEqual(measuresOf(usage.rows)[2].values, [null, null, 90]);
});

test("statistics leave out what is unknown", () => {
  assert.deepEqual(statisticsOf([null, 1, 3, null]), { mean: 2, highest: 3, last: 3 });
  assert.equal(statisticsOf([null]), null);
});
