import assert from "node:assert/strict";
import { test } from "node:test";
import { longer, MAX_SAMPLES, NO_USAGE, withSample } from "../../static/usage.js";

const SAMPLE = { cpu_percent: 1, memory_used_mb: 2, disk_free_mb: 3, gpus: [{ index: 1, utilisation_percent: 50 }] };

test("a sample is added to each measure, and what was not measured is a gap", () => {
  const usage = withSample(withSample(NO_USAGE, SAMPLE), { ...SAMPLE, cpu_percent: undefined });
  assert.deepEqual(usage.cpu_percent, [1, null]);
  assert.equal(usage.gpus[0].index, 1);
  assert.deepEqual(usage.gpus[0].utilisation_percent, [50, 50]);
  assert.deepEqual(usage.gpus[0].power_w, [null, null]);
});

test("only the newest samples are kept", () => {
  let usage = NO_USAGE;
  for (let i = 0; i < MAX_SAMPLES + 5; i += 1) usage = withSample(usage, { ...SAMPLE, cpu_percent: i });
  assert.equal(usage.cpu_percent.length, MAX_SAMPLES);
  assert.equal(usage.cpu_percent.at(-1), MAX_SAMPLES + 4);
});

test("the service's longer history replaces ours", () => {
  const ours = withSample(NO_USAGE, SAMPLE);
  const history = withSample(withSample(ours, SAMPLE), SAMPLE);
  assert.equal(longer(history, ours), history);
  assert.equal(longer(ours, history), history);
});
