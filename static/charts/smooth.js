/**
 * Exponential smoothing without the pull towards zero at the beginning, as TensorBoard's: each value is the weighted mean
 * of the finite ones up to it, the one before weighing `weight` as much. What is not finite stays, and weighs nothing.
 */
export function smoothed(ys, weight) {
  let [sum, total] = [0, 0];
  return ys.map((y) => {
    if (!Number.isFinite(y)) return y;
    sum = weight * sum + (1 - weight) * y;
    total = weight * total + (1 - weight);
    return sum / total;
  });
}
