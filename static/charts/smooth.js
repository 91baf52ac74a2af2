/**
 * Smooth exponentially, as TensorBoard does, without a bias towards zero at the beginning. Each value becomes the weighted
 * mean of the finite values up to it, and each step back multiplies the weight by `weight`. Other values stay as they are.
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
