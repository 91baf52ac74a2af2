import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { byField, curlOf, hintOf, keyOf, optionsOf, parsed, textOf, valueAt } from "../../static/parameters.js";

test("a field's text is a value of its kind, and stays text where it is none", () => {
  const cases = [
    ["integer", "3", false, 3],
    ["integer", "many", false, "many"],
    ["integer", "", false, ""],
    ["integer", "", true, null],
    ["number", "1e-3", false, 0.001],
    ["boolean", "true", false, true],
    ["string", "3", false, "3"],
    ["string", " ", true, null],
    ["array", "[1, 2]", false, [1, 2]],
    ["array", "[1, 2", false, "[1, 2"],
    ["object", '{"a": [1]}', false, { a: [1] }],
    ["choice", "adamw", false, "adamw"],
  ];
  for (const [kind, text, optional, value] of cases) assert.deepEqual(parsed({ kind, optional }, text), value, text);
});

test("a shell reads the command back as the request", () => {
  const request = { config_name: 'it\'s "$HOME" `x`.yaml', overrides: { a: [1, "\n"] } };
  const command = curlOf("http://host", request, true);
  const printed = execFileSync("sh", ["-c", `curl() { printf '%s\\0' "$@"; }\n${command}`], {
    env: { TRAINING_API_TOKEN: "secret" },
    encoding: "utf8",
  });
  const words = printed.split("\0").slice(0, -1);
  assert.deepEqual(words.slice(0, 3), ["-X", "POST", "http://host/training/start"]);
  assert.ok(words.includes("Authorization: Bearer secret"));
  assert.deepEqual(JSON.parse(words[words.indexOf("-d") + 1]), request);
  assert.doesNotMatch(curlOf("http://host", request, false), /Authorization/);
});

test("each message goes to the field that it is about, and the others to none", () => {
  const errors = {
    train_data_dir: ["has no classes"],
    val_data_dir: ["has no classes"],
    "overrides.trainer.max_epochs": ["must be positive"],
    model: { name: ["is unknown"] },
  };
  const messages = byField({ errors }, new Set(["dataset", keyOf("trainer.max_epochs")]));
  assert.deepEqual(
    [...messages],
    [
      ["dataset", ["has no classes"]],
      [keyOf("trainer.max_epochs"), ["must be positive"]],
      ["", ["model: name: is unknown"]],
    ],
  );
  const ofParameters = byField(
    { errors: { "overrides.dataset": ["a"], "data.image_size": ["b"], "overrides.xyz": ["c"] } },
    new Set(["dataset", keyOf("dataset"), keyOf("data.image_size")]),
  );
  assert.deepEqual(
    [...ofParameters],
    [
      [keyOf("dataset"), ["a"]],
      [keyOf("data.image_size"), ["b"]],
      ["", ["xyz: c"]],
    ],
  );
  assert.equal(byField(null, new Set()).size, 0);
});

test("a field shows a value as the text that stands for it", () => {
  const cases = [
    ["integer", 3, "3"],
    ["integer", null, ""],
    ["string", "3", "3"],
    ["boolean", null, "false"],
    ["array", [1, 2], "[1,2]"],
  ];
  for (const [kind, value, text] of cases) assert.equal(textOf({ kind }, value), text);
});

test("a person chooses a boolean or one of the choices, and reads the limits of all else", () => {
  assert.deepEqual(optionsOf({ kind: "boolean", choices: null }), ["true", "false"]);
  assert.deepEqual(optionsOf({ kind: "choice", choices: ["a", "b"] }), ["a", "b"]);
  assert.equal(optionsOf({ kind: "integer", choices: null }), null);
  assert.deepEqual(optionsOf({ kind: "integer", choices: [16, 32] }), ["16", "32"]);
  assert.equal(hintOf({ choices: null, meaning: "epochs", must: "must be positive" }), "epochs (positive)");
  assert.equal(hintOf({ choices: null, meaning: "", must: "must be from 1 to 9" }), "From 1 to 9");
  assert.equal(hintOf({ choices: ["a", "b"], meaning: "which", must: "must be one of a, b" }), "which");
  assert.equal(hintOf({ choices: null, meaning: "name", must: null }), "name");
});

test("values have dotted paths", () => {
  const config = { model: { depths: [1, 2], config: {} }, seed: 1 };
  assert.equal(valueAt(config, "model.depths"), config.model.depths);
  assert.equal(valueAt(config, "trainer.max_epochs"), undefined);
});
