/**
 * A log as a terminal would show it: `\r` goes back to the line's beginning and what follows overwrites, so a progress
 * bar stays one line. Colours and cursor movements are left out. Bounded in lines and in characters per line.
 */
export const MAX_LINES = 2000;
export const MAX_LINE_CHARS = 2000;

/** `lines` are complete; `first` is the number of lines dropped before them; `text` is the line being written. */
export const EMPTY_SCREEN = Object.freeze({ first: 0, lines: [], text: "", column: 0, rest: "" });

const TOKENS = /(\r|\n|\x08|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\^_])/;
const UNFINISHED_ESCAPE = /\x1b(?:\[[0-9;?]*[ -/]*|\][^\x07\x1b]{0,200}\x1b?)?$/;
const ERASE_TO_END = /^\x1b\[0?K$/;
const ERASE_LINE = /^\x1b\[2K$/;
const UNPRINTABLE = /[\x00-\x07\x0b-\x1f\x7f]/g;

/** Write a piece of a log. Pieces may be cut anywhere, also inside an escape sequence. */
export function write(screen, piece) {
  let all = screen.rest + piece;
  const rest = UNFINISHED_ESCAPE.exec(all)?.[0] ?? "";
  all = all.slice(0, all.length - rest.length);
  const lines = screen.lines.slice();
  let { text, column } = screen;
  const next = () => {
    lines.push(text);
    text = "";
    column = 0;
  };
  for (const token of all.split(TOKENS)) {
    if (token === "\n") next();
    else if (token === "\r") column = 0;
    else if (token === "\x08") column = Math.max(0, column - 1);
    else if (ERASE_TO_END.test(token)) text = text.slice(0, column);
    else if (ERASE_LINE.test(token)) text = " ".repeat(column);
    else if (!token.startsWith("\x1b")) {
      for (const part of parts(token.replace(UNPRINTABLE, ""), MAX_LINE_CHARS - column)) {
        if (column >= MAX_LINE_CHARS) next();
        text = text.slice(0, column) + part + text.slice(column + part.length);
        column += part.length;
      }
    }
  }
  const dropped = Math.max(0, lines.length - MAX_LINES);
  return { first: screen.first + dropped, lines: lines.slice(dropped), text, column, rest };
}

/** Cut a text where the line is full: after `room` characters, then after each full line. */
function* parts(text, room) {
  let start = 0;
  for (let end = Math.max(room, 0) || MAX_LINE_CHARS; start < text.length; end += MAX_LINE_CHARS) {
    yield text.slice(start, end);
    start = end;
  }
}
