import assert from "node:assert/strict";
import { test } from "node:test";
import { accuracyOf, byRun, canTry, filesOf } from "../../static/models.js";

const CARD = {
  run_id: "A",
  model_name: "pets",
  file: "checkpoints/epoch_003.onnx",
  size_bytes: 10,
  modified_at: "2026-01-01T00:00:00+00:00",
  is_verified: true,
  test_metrics: { "test/loss": 0.5, "test/acc": 0.75 },
  external_data: null,
  problem: null,
};

test("a verified model is listed with its variants under names made of the model's", () => {
  const variants = [
    { name: "int8", size_bytes: 4, test_acc: 0.5 },
    { name: "fp16", error: "it overflows" },
  ];
  const files = filesOf([{ ...CARD, variants }]);
  assert.deepEqual(
    files.map(({ title, name, path, accuracy, size, problem }) => [title, name, path, accuracy, size, problem]),
    [
      ["as trained", "pets.onnx", "training/models/A/download", "75.00%", 10, null],
      ["int8", "pets.int8.onnx", "training/models/A/download?variant=int8", "50.00%", 4, null],
      ["fp16", "pets.fp16.onnx", "training/models/A/download?variant=fp16", "–", undefined, "it overflows"],
    ],
  );
});

test("the files of another program keep their names, and a download of external data is as large as all of it", () => {
  const other = { ...CARD, is_verified: false, file: "output/w/größe.onnx", test_metrics: null };
  const external_data = [{ path: "w.bin", size_bytes: 5 }];
  const [file, broken] = filesOf([
    { ...other, external_data },
    { ...other, problem: "its end is missing" },
  ]);
  assert.deepEqual([file.title, file.name, file.size, file.accuracy], ["w/größe.onnx", "größe.onnx", 15, null]);
  assert.equal(file.path, "training/models/A/download?file=output%2Fw%2Fgr%C3%B6%C3%9Fe.onnx");
  assert.equal(broken.problem, "its end is missing");
});

test("ONNX files without a problem can be tried", () => {
  const variants = [{ name: "int8" }, { name: "fp16", error: "it overflows" }];
  const other = { ...CARD, is_verified: false };
  const trialsOf = (...models) => filesOf(models).map(({ trial }) => trial);
  assert.deepEqual(trialsOf({ ...CARD, variants }), [
    "training/models/A/predict",
    "training/models/A/predict?variant=int8",
    null,
  ]);
  assert.deepEqual(trialsOf({ ...other, file: "output/a.onnx" }), ["training/models/A/predict?file=output%2Fa.onnx"]);
  assert.deepEqual(trialsOf({ ...other, file: "output/a.pt" }, { ...CARD, problem: "no" }), [null, null]);
  assert.equal(canTry([{ ...other, file: "output/a.pt" }, CARD]), true);
  assert.equal(canTry([]), false);
});

test("models are grouped by their runs", () => {
  const models = ["B", "B", "A"].map((run_id) => ({ ...CARD, run_id }));
  assert.deepEqual(
    byRun(models).map((group) => group.map(({ run_id }) => run_id)),
    [["B", "B"], ["A"]],
  );
});

test("an accuracy is a percentage, and any other result has its name", () => {
  assert.deepEqual(accuracyOf(CARD), ["Test accuracy", "75.00%"]);
  assert.deepEqual(accuracyOf({ test_metrics: { acc: 75 } }), ["acc", "75.00"]);
  assert.deepEqual(accuracyOf({ test_metrics: { "test/rmse": 0.5 } }), ["test/rmse", "0.5000"]);
  for (const test_metrics of [null, {}, { "test/acc": null }])
    assert.deepEqual(accuracyOf({ test_metrics }), ["Test accuracy", "Not tested"]);
});
