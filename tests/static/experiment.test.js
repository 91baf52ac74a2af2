import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLine, sectionsOf, withValues } from "../../static/experiment.js";

const labels = (sections) => sections.map(({ name, rows }) => [name, rows.map(({ label }) => label)]);

test("an experiment of ours is shown section by section, with its overrides marked", () => {
  const config = { description: "", seed: 1, model: { config: {}, depths: [1] }, data: { mixing: { alpha: 0 } } };
  const sections = sectionsOf(config, null, { "data.mixing.alpha": 0 });
  assert.deepEqual(labels(sections), [
    ["", ["seed"]],
    ["model", ["config", "depths"]],
    ["data", ["mixing.alpha"]],
  ]);
  assert.deepEqual(sections.at(-1).rows, [{ label: "mixing.alpha", value: 0, isChanged: true, isCommandLine: false }]);
});

test("a command is shown with the values of its parameters, without what it leaves open", () => {
  const config = {
    description: "Ours",
    command: {
      argv: ["train", "{lr}"],
      cwd: null,
      env: {},
      parameters: { lr: { default: 0.1, min: null, max: null, choices: [], doc: "" } },
      resume: null,
      stop: { signal: "SIGTERM", grace_s: null },
    },
    metrics: { files: ["a.csv"], columns: {}, better: {}, monitor: null },
    log: { patterns: [] },
    models: { files: [] },
  };
  const sections = sectionsOf(config, { lr: 0.2, epochs: 3 }, { lr: 0.2 });
  assert.deepEqual(labels(sections), [
    ["", ["description"]],
    ["parameters", ["lr", "epochs"]],
    ["command", ["argv", "stop.signal"]],
    ["metrics", ["files"]],
  ]);
  assert.deepEqual(sections[1].rows, [
    { label: "lr", value: 0.2, isChanged: true, isCommandLine: false },
    { label: "epochs", value: 3, isChanged: false, isCommandLine: false },
  ]);
  const argv = { label: "argv", value: "train {lr}", isChanged: false, isCommandLine: true };
  assert.deepEqual(sections[2].rows[0], argv);
});

test("arguments are quoted as for a shell", () => {
  assert.equal(
    commandLine(["sh", "-c", 'echo "$1"', "it's", "", "--lr={lr}", "{amp?--amp}"]),
    `sh -c 'echo "$1"' 'it'\\''s' '' --lr={lr} {amp?--amp}`,
  );
});

test("runs of a command differ by the values of its parameters", () => {
  const config = { description: "", command: { argv: ["a"], parameters: { lr: { default: 1, min: 0 } } } };
  assert.deepEqual(withValues(config, { lr: 2 }), { description: "", command: { argv: ["a"] }, parameters: { lr: 2 } });
  assert.deepEqual(withValues({ seed: 1 }, null), { seed: 1 });
  assert.equal(withValues(null, { lr: 2 }), null);
});
