import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.document = { baseURI: "https://example.org/train/" }; // address.js reads it when it is loaded.
const { pathOfComparison, runsIn, viewOf } = await import("../../static/router.js");

const viewAt = (path) => viewOf(new URL(path, document.baseURI));

test("each address shows its view", () => {
  const names = ["", "runs", "models", "try", "start", "runs/A", "unknown"].map((path) => viewAt(path).name);
  assert.deepEqual(names, ["now", "runs", "models", "try", "start", "run", "now"]);
});

test("an address names its run, with any character", () => {
  assert.equal(viewAt("runs/a%20b%2Fc").runId, "a b/c");
  assert.equal(viewAt("runs/100%").runId, "100%", "what cannot be decoded stays as it is");
});

test("the runs in a query are compared, each once", () => {
  const path = pathOfComparison(["A", "a&b", "A"]);
  assert.equal(viewAt(path).name, "compare");
  assert.deepEqual(runsIn(new URL(path, document.baseURI).search), ["A", "a&b"]);
});

test("a query belongs to its view", () => {
  assert.deepEqual(viewAt("runs?page=2&sort=-created_at").query, { page: "2", sort: "-created_at" });
});
