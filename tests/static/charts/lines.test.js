import assert from "node:assert/strict";
import { test } from "node:test";
import { stylesOf } from "../../../static/charts/lines.js";

test("in the charts of one run the splits differ by colour, and values by step are thin", () => {
  const styles = stylesOf({ id: "A" }, ["train/loss", "train/loss_step", "val/loss"]);
  assert.deepEqual(
    styles.map(({ label, tone, isThin }) => [label, tone, isThin]),
    [
      ["train", "--train", false],
      ["train step", "--train", true],
      ["val", "--val", false],
    ],
  );
});

test("two lines of one split have two colours", () => {
  const tones = stylesOf({ id: "A" }, ["lr/pg0", "lr/pg1", "train/lr"]).map(({ tone }) => tone);
  assert.equal(new Set(tones).size, 3);
});

test("compared runs differ by colour, and train is thin", () => {
  const names = ["train/loss", "val/loss"];
  const [one, two] = [0, 1].map((index) => stylesOf({ id: "A", index, label: "A" }, names));
  assert.deepEqual(
    one.map(({ label, isThin }) => [label, isThin]),
    [
      ["A train", true],
      ["A val", false],
    ],
  );
  assert.notEqual(one[0].tone, two[0].tone);
  assert.equal(one[0].tone, one[1].tone);
});
