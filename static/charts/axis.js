/**
 * Where each row of a run lies on the x axis: at its step, at its epoch as people count them (1 = the first is done, 1.5 =
 * half of the second), or at its number. Rows are read once; a change of what was placed already raises `generation`.
 */
export class Axis {
  xs = [];
  generation = 0;
  #kind;
  #epochs;
  #steps;
  /** Of the epoch whose rows are being placed: its number, first row, the step before it, and its steps (a guess). */
  #epoch = null;
  #firstRow = 0;
  #before = -1;
  #length;

  /** `stepsPerEpoch`, if known, spares guessing how long the first epoch is. */
  constructor(kind, stepsPerEpoch = null) {
    this.#kind = kind;
    this.#length = stepsPerEpoch;
  }

  update({ count, columns }) {
    const [epochs, steps] = [columns.get("epoch"), columns.get("step")];
    if (epochs !== this.#epochs || steps !== this.#steps || count < this.xs.length) this.#restart(epochs, steps);
    for (let row = this.xs.length; row < count; row += 1) this.xs.push(this.#place(row));
  }

  #restart(epochs, steps) {
    if (this.xs.length) this.generation += 1;
    [this.#epochs, this.#steps] = [epochs, steps];
    this.xs = [];
    this.#epoch = null;
    this.#before = -1;
  }

  /** null where the row does not say. */
  #place(row) {
    if (this.#kind === "row") return row;
    if (this.#kind === "step") return this.#steps?.[row] ?? null;
    const [epoch, step] = [this.#epochs?.[row] ?? null, this.#steps?.[row] ?? null];
    if (epoch === null || step === null) return epoch === null ? null : epoch + 1;
    if (epoch !== this.#epoch) this.#begin(epoch, row);
    if (this.#length === null || step - this.#before > this.#length) this.#lengthen(step - this.#before);
    return this.#within(step);
  }

  /** The epoch before is over, so its length is known. */
  #begin(epoch, row) {
    if (this.#epoch !== null) {
      const last = this.#steps[row - 1];
      if (last > this.#before && last - this.#before !== this.#length) this.#placeAgain(last - this.#before, row);
      if (last !== null) this.#before = epoch > this.#epoch ? last : last - 1;
    }
    this.#epoch = epoch;
    this.#firstRow = row;
  }

  /** The first epoch is longer than guessed: twice as long, so that its rows are placed again only a few times. */
  #lengthen(atLeast) {
    const length = this.#length === null ? Math.max(1, atLeast) : Math.max(2 * this.#length, atLeast);
    this.#placeAgain(length, this.xs.length);
  }

  #placeAgain(length, end) {
    this.#length = length;
    for (let row = this.#firstRow; row < end; row += 1) {
      if (this.xs[row] !== null) this.xs[row] = this.#within(this.#steps[row]);
    }
    if (end > this.#firstRow) this.generation += 1;
  }

  #within(step) {
    return this.#epoch + Math.min(1, Math.max(0, (step - this.#before) / this.#length));
  }
}

/** The kinds of axes that some run has; without steps and epochs there is the rows' number. */
export function axesOf(runs) {
  const found = ["step", "epoch"].filter((kind) => runs.some(({ metrics }) => metrics.columns.has(kind)));
  return found.length ? found : ["row"];
}
