/** The points of one metric of one run, in order of x. Of several values at one x the last counts. */
export class Points {
  xs = [];
  /** Numbers, including NaN and infinities. A value that was not logged is not a point. */
  ys = [];
  #positions = null;
  #values = null;
  #numRows = 0;

  /** Take in the new rows up to `count`. `positions` are the rows' x, or null for the rows' numbers. */
  update(positions, values, count) {
    if (positions !== this.#positions || values !== this.#values || count < this.#numRows)
      this.#restart(positions, values);
    let isInOrder = true;
    for (let row = this.#numRows; row < count; row += 1) {
      const [x, y] = [positions === null ? row : positions[row], values[row]];
      if (y === null || !Number.isFinite(x)) continue;
      const last = this.xs.length - 1;
      if (x === this.xs[last]) {
        this.ys[last] = y;
      } else {
        isInOrder &&= last < 0 || x > this.xs[last];
        this.xs.push(x);
        this.ys.push(y);
      }
    }
    this.#numRows = count;
    if (!isInOrder) this.#sort();
  }

  #restart(positions, values) {
    [this.#positions, this.#values, this.#numRows] = [positions, values, 0];
    [this.xs, this.ys] = [[], []];
  }

  #sort() {
    const byX = new Map(this.xs.map((x, i) => [x, this.ys[i]]));
    const sorted = [...byX].sort(([a], [b]) => a - b);
    this.xs = sorted.map(([x]) => x);
    this.ys = sorted.map(([, y]) => y);
  }
}

/** The index of the first value that is at least `x`; `xs.length` if there is none. */
export function indexFrom(xs, x) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The index of the value nearest to `x`; -1 if there is none. */
export function nearest(xs, x) {
  const after = indexFrom(xs, x);
  if (after === 0) return xs.length ? 0 : -1;
  return after < xs.length && xs[after] - x < x - xs[after - 1] ? after : after - 1;
}
