/** The range of x that the charts show: {min, max} within the extent of all points, or null for all of it. */

/** Zoom around `centre` by a factor; below 1 zooms in. */
export function zoomed({ min, max }, centre, factor, extent) {
  return within({ min: centre - (centre - min) * factor, max: centre + (max - centre) * factor }, extent);
}

/** Move by a share of the width, which stays. */
export function panned({ min, max }, share, extent) {
  const distance = share * (max - min);
  const by = Math.min(Math.max(distance, extent.min - min), extent.max - max);
  return within({ min: min + by, max: max + by }, extent);
}

/** Limit a view to the extent, and to at least a millionth of it. */
export function within({ min, max }, extent) {
  const whole = extent.max - extent.min;
  if (!(whole > 0)) return null;
  const missing = Math.max(0, whole * 1e-6 - (max - min)) / 2;
  const view = { min: Math.max(min - missing, extent.min), max: Math.min(max + missing, extent.max) };
  return view.max - view.min >= whole * 0.999 ? null : view;
}
