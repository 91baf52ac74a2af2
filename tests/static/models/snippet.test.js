import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { snippetFor } from "../../../static/models/snippet.js";

const CARD = { class_names: ["cat"], mean: [0, 0, 0], std: [1, 1, 1], input_shape: [null, 3, 8, 9] };

/** Throw unless Python can compile the program. */
function compile(program) {
  execFileSync("python3", ["-c", "import ast, sys; ast.parse(sys.stdin.read())"], { input: program });
}

test("a model that normalises images itself gets their pixels", () => {
  const plain = snippetFor(CARD, "pets.fp16.onnx");
  const included = snippetFor({ ...CARD, includes_preprocessing: true }, "pets.fp16.onnx");
  assert.match(plain, /session\.run\(\["logits"\]/);
  assert.match(plain, /MEAN/);
  assert.match(included, /session\.run\(\["probabilities"\]/);
  assert.doesNotMatch(included, /MEAN/);
  for (const program of [plain, included]) {
    compile(program);
    assert.ok(program.includes(".resize((9, 8)"));
    assert.ok(program.includes('InferenceSession("pets.fp16.onnx")'));
  }
});

test("images with more than 8 bits per channel are scaled to 8", () => {
  const program = snippetFor(
    { ...CARD, mean: [0], std: [1], input_shape: [null, 1, 8, 9], value_range: [-100, 1023] },
    "x.onnx",
  );
  compile(program);
  assert.ok(program.includes("(np.asarray(image, np.float64) - -100) * (255 / 1123)"));
});

test("a card that does not say how to prepare an image has no program", () => {
  assert.equal(snippetFor({ ...CARD, mean: undefined }, "x.onnx"), null);
  assert.equal(snippetFor({ ...CARD, input_shape: [null, 4, 8, 8] }, "x.onnx"), null);
  assert.equal(snippetFor({ ...CARD, input_shape: [null, 3, null, null] }, "x.onnx"), null);
});
