/** What is known of a line's values as a whole: the lowest, the highest, and those that are not finite. */
import { kindOf } from "./decimate.js";

const NOTHING = Object.freeze({ low: -1, high: -1, nonFinite: new Map() });

export class Tally {
  #final = NOTHING;
  #numFinal = 0;
  #generation = 0;
  #all = NOTHING;

  /** Count what is new in `points`. Only the last point may still change. */
  update({ ys, generation }) {
    if (generation !== this.#generation) [this.#final, this.#numFinal, this.#generation] = [NOTHING, 0, generation];
    const counted = { ...this.#final, nonFinite: new Map(this.#final.nonFinite) };
    const end = Math.max(0, ys.length - 1);
    for (let i = this.#numFinal; i < end; i += 1) count(counted, ys, i);
    [this.#final, this.#numFinal] = [counted, end];
    this.#all = { ...counted, nonFinite: new Map(counted.nonFinite) };
    if (ys.length) count(this.#all, ys, end);
  }

  /** The index of the best finite value; -1 if there is none, or if all are as good. */
  best(ys, isLowerBetter) {
    const { low, high } = this.#all;
    return low < 0 || ys[low] === ys[high] ? -1 : isLowerBetter ? low : high;
  }

  /** By kind (nan, inf, -inf) how often, and the index of the first: Map kind -> {times, first}. */
  get nonFinite() {
    return this.#all.nonFinite;
  }
}

function count(into, ys, i) {
  const y = ys[i];
  if (Number.isFinite(y)) {
    if (into.low < 0 || y < ys[into.low]) into.low = i;
    if (into.high < 0 || y > ys[into.high]) into.high = i;
    return;
  }
  const { times, first } = into.nonFinite.get(kindOf(y)) ?? { times: 0, first: i };
  into.nonFinite.set(kindOf(y), { times: times + 1, first });
}
