/**
 * A log as a terminal shows it. `\r` returns to the start of the line and the text after it overwrites, so a progress bar
 * stays one line. The cursor may go up and erase, as the bars of tqdm and rich do. A row is {offset, runs, isContinued}: the
 * byte at which its line begins in the log, and its text in runs of one style each.
 */
import { styled } from "./sgr.js";

export const MAX_ROW_CHARS = 2000;

const TOKENS = /(\r|\x08|\x1b\[[0-9;:?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_78=>])/;
const CONTROL = /^\x1b\[([0-9;:?]*)([@-~])$/;
const UNFINISHED = /\x1b(?:\[[0-9;:?]*[ -/]*|\][^\x07\x1b]{0,200}\x1b?)?$/;
const UNPRINTABLE = /[\x00-\x07\x0b-\x1f\x7f]/g;
const encoder = new TextEncoder();

export class Screen {
  rows;
  #row = 0;
  #column = 0;
  #style = null;
  #unfinished = "";
  #offset = 0;
  #changed = new Set();

  /** The first row begins at byte `offset` of the log. */
  constructor(offset = 0) {
    this.rows = [{ offset, runs: [], isContinued: false }];
  }

  /** Write a chunk, which may end anywhere, even inside an escape sequence. Return the set of changed rows. */
  write(chunk, offset = 0) {
    this.#changed = new Set();
    this.#offset = offset - byteLength(this.#unfinished);
    const all = this.#unfinished + chunk;
    this.#unfinished = UNFINISHED.exec(all)?.[0] ?? "";
    const lines = all.slice(0, all.length - this.#unfinished.length).split("\n");
    lines.forEach((line, i) => {
      this.#writeLine(line);
      this.#offset += byteLength(line);
      if (i + 1 < lines.length) this.#newLine();
    });
    return this.#changed;
  }

  /** Remove the first rows. */
  drop(count) {
    this.rows.splice(0, count);
    this.#row = Math.max(0, this.#row - count);
  }

  /** Insert rows before ours, out of reach of what is written later. */
  prepend(rows) {
    this.rows.unshift(...rows);
    this.#row += rows.length;
  }

  #writeLine(line) {
    for (const token of line.split(TOKENS)) {
      if (token === "\r") this.#column = 0;
      else if (token === "\x08") this.#column = Math.max(0, this.#column - 1);
      else if (token.startsWith("\x1b")) this.#control(token);
      else if (token !== "") this.#print(token.replace(UNPRINTABLE, ""));
    }
  }

  #control(token) {
    const [, parameters, final] = CONTROL.exec(token) ?? [];
    const number = Math.max(1, Number.parseInt(parameters, 10) || 1);
    if (final === "m") this.#style = styled(this.#style, parameters);
    else if (final === "A" || final === "F") this.#row = Math.max(0, this.#row - number);
    else if (final === "B" || final === "E") this.#row = Math.min(this.rows.length - 1, this.#row + number);
    else if (final === "C") this.#column = Math.min(MAX_ROW_CHARS, this.#column + number);
    else if (final === "D") this.#column = Math.max(0, this.#column - number);
    else if (final === "G") this.#column = Math.min(MAX_ROW_CHARS, number) - 1;
    else if (final === "K") this.#erase(parameters);
    else if (final === "J" && (parameters === "" || parameters === "0")) this.#eraseBelow();
    if (final === "E" || final === "F") this.#column = 0;
  }

  #newLine() {
    this.#offset += 1;
    this.#column = 0;
    this.#row += 1;
    if (this.#row === this.rows.length) this.#add({ offset: this.#offset, runs: [], isContinued: false });
  }

  #add(row) {
    this.rows.push(row);
    this.#changed.add(row);
  }

  #print(text) {
    for (let start = 0; start < text.length; ) {
      if (this.#column >= MAX_ROW_CHARS) this.#continueBelow();
      const part = text.slice(start, start + MAX_ROW_CHARS - this.#column);
      this.#put(this.#column, this.#column + part.length, [{ text: part, style: this.#style }]);
      this.#column += part.length;
      start += part.length;
    }
  }

  /** Continue the line in the next row, because this one is full. */
  #continueBelow() {
    const { offset } = this.rows[this.#row];
    this.#row += 1;
    this.#column = 0;
    if (this.#row === this.rows.length) this.#add({ offset, runs: [], isContinued: true });
  }

  #erase(parameters) {
    const { runs } = this.rows[this.#row];
    const end = lengthOf(runs);
    if (parameters === "" || parameters === "0") this.#put(this.#column, Math.max(end, this.#column), []);
    else if (parameters === "2") this.#put(0, end, []);
    else if (parameters === "1") this.#put(0, this.#column, [{ text: " ".repeat(this.#column), style: null }]);
  }

  #eraseBelow() {
    this.#erase("0");
    for (const row of this.rows.slice(this.#row + 1)) {
      row.runs = [];
      this.#changed.add(row);
    }
  }

  /** Replace columns [start, end) of the row with runs. */
  #put(start, end, runs) {
    const row = this.rows[this.#row];
    const length = lengthOf(row.runs);
    const gap = start > length && runs.length ? [{ text: " ".repeat(start - length), style: null }] : [];
    row.runs = merged([...cut(row.runs, 0, start), ...gap, ...runs, ...cut(row.runs, end, length)]);
    this.#changed.add(row);
  }
}

export const textOf = ({ runs }) => runs.map(({ text }) => text).join("");

/** The last lines of a log's chunks as a terminal shows them, without empty ones. */
export function lastLines(chunks, count) {
  const screen = new Screen();
  for (const { text } of chunks) screen.write(text);
  return screen.rows
    .map(textOf)
    .filter((line) => line.trim() !== "")
    .slice(-count);
}

function lengthOf(runs) {
  let length = 0;
  for (const { text } of runs) length += text.length;
  return length;
}

function cut(runs, start, end) {
  const found = [];
  let at = 0;
  for (const { text, style } of runs) {
    const part = text.slice(Math.max(0, start - at), Math.max(0, end - at));
    if (part !== "") found.push({ text: part, style });
    at += text.length;
  }
  return found;
}

/** Join neighbours of the same style. */
function merged(runs) {
  const found = [];
  for (const run of runs) {
    const last = found.at(-1);
    if (last !== undefined && isSame(last.style, run.style)) last.text += run.text;
    else found.push({ ...run });
  }
  return found;
}

const isSame = (a, b) => a === b || (a !== null && b !== null && JSON.stringify(a) === JSON.stringify(b));

/** The number of bytes of a text in UTF-8. */
function byteLength(text) {
  // Most lines are ASCII, and a test is cheaper than encoding.
  return /^[\x00-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length;
}
