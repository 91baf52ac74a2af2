import assert from "node:assert/strict";
import { test } from "node:test";
import { imageProblem, preprocessingText, progressText, TOO_LARGE, timeText } from "../../../static/try/words.js";

test("the preprocessing is described with its numbers", () => {
  const facts = { channels: 3, image_size: 224, value_range: null, mean: [0.485, 0.45600001], std: [0.25, 0.5] };
  const text = preprocessingText(facts);
  for (const part of ["in colour", "224 × 224", "mean 0.485, 0.456", "deviation 0.25, 0.5"])
    assert.ok(text.includes(part));
  assert.doesNotMatch(text, /8 bits/);
  assert.match(preprocessingText({ ...facts, channels: 1, value_range: [0, 4095] }), /in grey .* 4095.0 is white/);
});

test("a refusal is about the image only if the service names the image or its size", () => {
  assert.equal(
    imageProblem({ code: 422, errors: { "a.png": ["it is truncated"] } }),
    "Cannot be read: it is truncated.",
  );
  assert.equal(imageProblem({ code: 413 }), TOO_LARGE);
  for (const problem of [{ code: 422, errors: {} }, { code: 500, errors: { a: ["b"] } }, { code: 503 }, { code: 0 }])
    assert.equal(imageProblem(problem), null);
});

test("times and numbers of images are short", () => {
  assert.deepEqual([2.46, 9.97, 150.2, 1234].map(timeText), ["2.5 ms", "10 ms", "150 ms", "1.2 s"]);
  assert.deepEqual([progressText(0, 0), progressText(1, 0), progressText(3, 2)], ["", "1 image", "3 images, 2 to do…"]);
});
