import assert from "node:assert/strict";
import { test } from "node:test";
import { lastLines, MAX_ROW_CHARS, Screen, textOf } from "../../../static/log/screen.js";

function show(chunks) {
  const screen = new Screen();
  for (const chunk of chunks) screen.write(chunk);
  return screen.rows;
}

test("a log looks as in a terminal, also when it arrives cut at every place", () => {
  const cases = {
    "one\ntwo": ["one", "two"],
    "one\r\ntwo\r\n": ["one", "two", ""],
    "10%\r20%\r": ["20%"],
    "10%\r20%\rdone\n": ["done", ""],
    "a long bar\rshort": ["shortg bar"],
    "a long bar\r\x1b[Kshort": ["short"],
    "a long bar\x1b[2K\rshort": ["short"],
    "a long bar\x1b[4D\x1b[1Kx": ["      xbar"],
    "one\ntwo\n\x1b[2A\x1b[2Kuno\ndos\n": ["uno", "dos", ""],
    "one\ntwo\x1b[1F\x1b[JONE": ["ONE", ""],
    "bar 1\nbar 2\n\x1b[A\rBAR 2\n": ["bar 1", "BAR 2", ""],
    "\x1b[31mred\x1b[0m\x1b[38;5;12mblue": ["redblue"],
    "\x1b]0;a title\x07text": ["text"],
    "\x1b[?25lhidden cursor\x1b[?25h": ["hidden cursor"],
    "wrong\b\b\b\b\bright": ["right"],
    "bell\x07 and nul\x00": ["bell and nul"],
    "tab\tstays, ü too": ["tab\tstays, ü too"],
  };
  for (const [text, expected] of Object.entries(cases)) {
    assert.deepEqual(show([text]).map(textOf), expected, JSON.stringify(text));
    assert.deepEqual(show([...text]).map(textOf), expected, JSON.stringify(text));
  }
});

const runs = (text) => show([text])[0].runs.map(({ text: part, style }) => [part, style]);

test("colours are those of the terminal", () => {
  assert.deepEqual(runs("a\x1b[1;31mb\x1b[22mc\x1b[md"), [
    ["a", null],
    ["b", { fg: 1, bold: true }],
    ["c", { fg: 1 }],
    ["d", null],
  ]);
  assert.deepEqual(runs("\x1b[97;44;4mx\x1b[39;49;24my"), [
    ["x", { fg: 15, bg: 4, underline: true }],
    ["y", null],
  ]);
  assert.deepEqual(runs("\x1b[38;5;9ma\x1b[38;5;208mb\x1b[38;5;244mc\x1b[48;2;1;2;3md"), [
    ["a", { fg: 9 }],
    ["b", { fg: "rgb(255, 135, 0)" }],
    ["c", { fg: "rgb(128, 128, 128)" }],
    ["d", { fg: "rgb(128, 128, 128)", bg: "rgb(1, 2, 3)" }],
  ]);
});

test("a colour that makes no sense does nothing, and what follows it counts", () => {
  assert.deepEqual(runs("\x1b[38;5;999;1ma\x1b[0;38;2;300;0;0;3mb"), [
    ["a", { bold: true }],
    ["b", { italic: true }],
  ]);
});

test("overwriting keeps the colours of what stays", () => {
  assert.deepEqual(runs("\x1b[32mgreen\x1b[0m\rre"), [
    ["re", null],
    ["een", { fg: 2 }],
  ]);
});

test("rows know at which byte their line begins", () => {
  const screen = new Screen(100);
  screen.write("für\n\x1b[31mred", 100);
  screen.write(`\x1b[0m\n${"x".repeat(2 * MAX_ROW_CHARS + 1)}\nend`, 113);
  assert.deepEqual(
    screen.rows.map(({ offset, isContinued }) => [offset, isContinued]),
    [
      [100, false],
      [105, false],
      [118, false],
      [118, true],
      [118, true],
      [4120, false],
    ],
  );
});

test("the last lines are plain text", () => {
  const chunks = [{ text: "a\nb\n 1%\r 2" }, { text: "%\n\x1b[31mValueError\x1b[0m\n\n" }];
  assert.deepEqual(lastLines(chunks, 2), [" 2%", "ValueError"]);
});
