/**
 * Exponential smoothing without the pull towards zero at the beginning, as TensorBoard's: each value is the weighted mean
 * of the finite ones up to it, the one before weighing `weight` as much. What is not finite stays, and weighs nothing.
 */
export class Smoothed {
  ys = [];
  #weight = null;
  #generation = null;
  #sums = [];
  #weights = [];
  #numFinal = 0;

  /** Smooth what is new in `points`. */
  update(points, weight) {
    if (weight !== this.#weight || points.generation !== this.#generation) this.#numFinal = 0;
    [this.#weight, this.#generation] = [weight, points.generation];
    const { ys } = points;
    for (let i = this.#numFinal; i < ys.length; i += 1) {
      const isFinite = Number.isFinite(ys[i]);
      const [sum, total] = i > 0 ? [this.#sums[i - 1], this.#weights[i - 1]] : [0, 0];
      this.#sums[i] = isFinite ? weight * sum + (1 - weight) * ys[i] : sum;
      this.#weights[i] = isFinite ? weight * total + (1 - weight) : total;
      this.ys[i] = isFinite ? this.#sums[i] / this.#weights[i] : ys[i];
    }
    this.ys.length = ys.length;
    this.#numFinal = Math.max(0, ys.length - 1); // The last point may still change.
  }
}
