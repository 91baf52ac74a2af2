import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../../../static/log/screen.js";
import { LogWindow } from "../../../static/log/window.js";

test("the window grows at both ends and is cut at both", () => {
  const shown = new LogWindow(4);
  const state = () => [shown.start, shown.end, shown.rows.map(textOf).join(" ")];
  shown.append({ offset: 4, next_offset: 9, text: "b\nc\nd" });
  assert.deepEqual(state(), [4, 9, "b c d"]);
  shown.prepend({ offset: 0, text: "0\na\n" });
  assert.deepEqual(state(), [0, 9, "0 a b c d"]);
  shown.append({ offset: 9, next_offset: 11, text: "D\n" });
  assert.deepEqual(state(), [0, 11, "0 a b c dD "]);
  shown.cutEnd(3);
  assert.deepEqual(state(), [0, 6, "0 a b "]);
  shown.append({ offset: 6, next_offset: 8, text: "c\n" });
  assert.deepEqual(state(), [0, 8, "0 a b c "]);
  shown.cutStart(2);
  assert.deepEqual(state(), [6, 8, "c "]);
  assert.deepEqual(
    [6, 7].map((offset) => textOf(shown.rowAt(offset))),
    ["c", "c"],
  );
  assert.deepEqual(
    [5, 8].map((offset) => shown.rowAt(offset)),
    [undefined, undefined],
  );
});
