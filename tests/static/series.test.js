import assert from "node:assert/strict";
import { test } from "node:test";
import { append, NO_METRICS } from "../../static/metrics.js";
import { epochNames, groups, labelOf } from "../../static/series.js";

const logged = (names) => append(NO_METRICS, names, [names.map(() => 1)]);

const charts = (names) => groups([logged(names)]).map(([title, of]) => [title, of.map(labelOf)]);

test("metrics that belong together share a chart, whichever tool named them", () => {
  assert.deepEqual(
    charts(["epoch", "lr", "step", "test/acc", "train/acc", "train/loss", "train/loss_step", "val/loss"]),
    [
      ["loss", ["train", "train step", "val"]],
      ["acc", ["train", "test"]],
      ["lr", ["lr"]],
    ],
  );
  assert.deepEqual(charts(["step", "epoch", "loss", "eval_loss", "eval_accuracy", "learning_rate"]), [
    ["loss", ["loss", "eval"]],
    ["accuracy", ["eval"]],
    ["learning_rate", ["learning_rate"]],
  ]);
  assert.deepEqual(charts(["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]), [
    ["loss", ["loss", "val"]],
    ["accuracy", ["accuracy", "val"]],
  ]);
  assert.deepEqual(charts(["epoch", "train/loss", "metrics/accuracy_top1", "val/loss", "lr/pg0"]), [
    ["loss", ["train", "val"]],
    ["lr/pg0", ["lr/pg0"]],
    ["metrics/accuracy_top1", ["metrics/accuracy_top1"]],
  ]);
  assert.deepEqual(charts(["Loss/train", "Loss/validation", "time_per_step", "loss_step", "loss_epoch"]), [
    ["loss", ["loss_epoch", "loss_step"]],
    ["Loss", ["train", "validation"]],
    ["time_per_step", ["time_per_step"]],
  ]);
});

test("a column that never has a value has no chart", () => {
  const metrics = append(NO_METRICS, ["step", "a", "b", "c"], [[1, 2, null, null]], { c: { nan: [0] } });
  assert.deepEqual(
    groups([metrics, logged(["val/f1"])]).map(([title]) => title),
    ["a", "c", "f1"],
  );
});

test("an epoch has one value of each metric, and those with a direction come first", () => {
  const names = ["lr", "test/acc", "train/loss", "train/loss_step", "val/acc"];
  const metrics = append(NO_METRICS, names, [names.map(() => 1)], {}, { "val/acc": "higher", "train/loss": "lower" });
  assert.deepEqual(epochNames(metrics), ["train/loss", "val/acc", "lr"]);
});
