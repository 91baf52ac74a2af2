/** Small line charts without axes: their paths, and the SVG that shows them. */
import { makeSvg } from "./dom.js";

export const WIDTH = 120;
const HEIGHT = 28;

/**
 * The paths of values at `xs`, which go from 0 to WIDTH. `top` is the value at the upper edge. A value that is unknown
 * leaves a gap, and so do neighbours further apart than `reach`.
 */
export function pathsOf(xs, values, top, reach = Infinity) {
  const parts = [];
  values.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    const isFirst = i === 0 || !Number.isFinite(values[i - 1]) || xs[i] - xs[i - 1] > reach;
    if (isFirst) parts.push([]);
    const share = Math.min(1, Math.max(0, value / (top || 1)));
    parts.at(-1).push([xs[i].toFixed(2), (HEIGHT - 1 - share * (HEIGHT - 2)).toFixed(2)]);
  });
  const joined = (points) => points.map((point) => point.join(" ")).join("L");
  const line = parts.map((points) => `M${joined(points)}`);
  const area = parts.map((points) => `M${points[0][0]} ${HEIGHT}L${joined(points)}L${points.at(-1)[0]} ${HEIGHT}Z`);
  return { line: line.join(""), area: area.join("") };
}

/** Return the element, and `draw(paths)`. */
export function createSparkline() {
  const area = makeSvg("path", { class: "spark-area" });
  const line = makeSvg("path", { class: "spark-line" });
  const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" };
  const draw = (paths) => {
    line.setAttribute("d", paths.line);
    area.setAttribute("d", paths.area);
  };
  return { element: makeSvg("svg", box, area, line), draw };
}
