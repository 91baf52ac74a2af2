/** Ticks and ranges of the y axis. */
const PAD = 0.06;
/** Values whose relative difference is smaller count as one value with rounding noise. */
const NOISE = 1e-9;

/** The range to draw for values from `low` to `high`, with some room. Both are null if there are no values. */
export function rangeOf(low, high, isLog) {
  if (low === null || high === null || !Number.isFinite(low) || !Number.isFinite(high))
    return isLog ? [0.1, 1] : [0, 1];
  if (isLog) {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const room = Math.max((to - from) * PAD, 0.02);
    return [10 ** (from - room), 10 ** (to + room)];
  }
  const size = Math.max(Math.abs(low), Math.abs(high));
  const room = high - low > size * NOISE ? (high - low) * PAD : size * PAD || 1;
  return [low - room, high + room];
}

/** Round values within the range, about `most` at most. */
export function linearTicks(low, high, most) {
  const step = roundUp((high - low) / most);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high * (1 + 1e-12) + step * 1e-9; n += 1)
    ticks.push(Number((n * step).toPrecision(12)));
  return ticks;
}

/** The same on a logarithmic axis: powers of ten, with 2 and 5 where there is room; round values within one decade. */
export function logTicks(low, high, most) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const within = (factors, stride = 1) => {
    const ticks = [];
    for (let power = first; power <= last; power += stride)
      for (const factor of factors) ticks.push(Number(`${factor}e${power}`));
    return ticks.filter((tick) => tick >= low && tick <= high);
  };
  if (within([1, 2, 5]).length < 3) return linearTicks(low, high, most).filter((tick) => tick > 0);
  for (const factors of [[1, 2, 5], [1, 3], [1]]) if (within(factors).length <= most) return within(factors);
  return within([1], Math.ceil((last - first) / most));
}

function roundUp(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].find((factor) => factor * power >= step * (1 - 1e-9)) * power;
}

/** A tick as a short text, with a real minus sign. */
export function tickText(value) {
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-4 || size >= 1e6)
      ? value.toExponential().replace("e+", "e")
      : String(Number(value.toPrecision(6)));
  return text.replaceAll("-", "\u2212");
}
