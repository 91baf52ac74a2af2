/**
 * The stretch [start, end) of a log that is loaded, in rows; the log itself may be far longer. Offsets are bytes. It grows
 * at either end and is cut at the other, so it stays bounded.
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

  /** Add what follows; returns the set of rows that changed. Only what begins at our end does. */
  append({ offset, next_offset, text }) {
    this.end = next_offset;
    return this.#screen.write(text, offset);
  }

  /** Add what comes before, which begins where a line does; returns the rows that are new. */
  prepend({ offset, text }) {
    const before = new Screen(offset);
    before.write(text, offset);
    if (text.endsWith("\n")) before.rows.pop();
    this.#screen.prepend(before.rows);
    this.start = offset;
    return before.rows;
  }

  /** Forget rows at the beginning until there are few enough; returns them. Lines are not torn. */
  cutStart(maxRows = MAX_ROWS) {
    let count = Math.max(0, this.rows.length - maxRows);
    while (count > 0 && count < this.rows.length && this.rows[count].isContinued) count += 1;
    const dropped = this.rows.slice(0, count);
    this.#screen.drop(count);
    if (count > 0) this.start = this.rows[0].offset;
    return dropped;
  }

  /** Forget rows at the end; returns them. What is appended later begins where they did. */
  cutEnd(maxRows = MAX_ROWS) {
    let count = Math.min(maxRows, this.rows.length);
    while (count > 1 && count < this.rows.length && this.rows[count].isContinued) count -= 1;
    const dropped = this.rows.slice(count);
    if (dropped.length === 0) return dropped;
    const kept = this.rows.slice(0, count);
    this.end = dropped[0].offset;
    this.#screen = new Screen(this.end);
    this.#screen.prepend(kept);
    return dropped;
  }

  /** The row of the line that begins at an offset, or of the last one before it; undefined outside. */
  rowAt(offset) {
    if (offset < this.start || offset >= Math.max(this.end, this.start + 1)) return undefined;
    return this.rows.findLast((row) => row.offset <= offset && !row.isContinued);
  }
}
