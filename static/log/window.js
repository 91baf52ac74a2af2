/**
 * The part [start, end) of a log that is loaded, as rows; the log itself may be far longer. Offsets are bytes. The window
 * grows at one end and is cut at the other, so its size is bounded.
 */
import { Screen } from "./screen.js";

export const MAX_ROWS = 3000;

export class LogWindow {
  #screen;

  constructor(offset = 0) {
    this.start = offset;
    this.end = offset;
    this.#screen = new Screen(offset);
  }

  get rows() {
    return this.#screen.rows;
  }

  /** Add the chunk that begins at our end. Return the set of changed rows. */
  append({ offset, next_offset, text }) {
    this.end = next_offset;
    return this.#screen.write(text, offset);
  }

  /** Add the chunk before our start, which begins with a line. Return the new rows. */
  prepend({ offset, text }) {
    const before = new Screen(offset);
    before.write(text, offset);
    if (text.endsWith("\n")) before.rows.pop();
    this.#screen.prepend(before.rows);
    this.start = offset;
    return before.rows;
  }

  /** Remove and return rows at the start until `maxRows` are left. Whole lines stay together. */
  cutStart(maxRows = MAX_ROWS) {
    let count = Math.max(0, this.rows.length - maxRows);
    while (count > 0 && count < this.rows.length && this.rows[count].isContinued) count += 1;
    const dropped = this.rows.slice(0, count);
    this.#screen.drop(count);
    if (count > 0) this.start = this.rows[0].offset;
    return dropped;
  }

  /** Remove and return rows at the end. The window then ends where they began. */
  cutEnd(maxRows = MAX_ROWS) {
    let count = Math.min(maxRows, this.rows.length);
    while (count > 1 && count < this.rows.length && this.rows[count].isContinued) count -= 1;
    const dropped = this.rows.slice(count);
    if (dropped.length === 0) return dropped;
    const remaining = this.rows.slice(0, count);
    this.end = dropped[0].offset;
    this.#screen = new Screen(this.end);
    this.#screen.prepend(remaining);
    return dropped;
  }

  /** The first row of the line at an offset; undefined outside the window. */
  rowAt(offset) {
    if (offset < this.start || offset >= Math.max(this.end, this.start + 1)) return undefined;
    return this.rows.findLast((row) => row.offset <= offset && !row.isContinued);
  }
}
