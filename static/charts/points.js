/** The points of one metric of one run, in order of x. Of several values at one x the last one counts. */
export class Points {
  xs = [];
  /** Numbers, NaN and infinities included; what was not logged is no point. */
  ys = [];
  #places = null;
  #values = null;
  #numRows = 0;

  /** Take in the rows up to `count` that are new; `places` are the rows' x, null for the rows' numbers. */
  update(places, values, count) {
    if (places !== this.#places || values !== this.#values || count < this.#numRows) this.#restart(places, values);
    let isInOrder = true;
    for (let row = this.#numRows; row < count; row += 1) {
      const [x, y] = [places === null ? row : places[row], values[row]];
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

  #restart(places, values) {
    [this.#places, this.#values, this.#numRows] = [places, values, 0];
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
