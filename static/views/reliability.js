/** How often a model is right when it says so sure: its calibration as a picture and in words. */
import { make, makeSvg } from "../dom.js";
import { count, metric, percent, percentage } from "../format.js";

const SIZE = 100;
const GAP = 0.6;

/** The picture of report.json's `calibration`: for each bin how often it was right, and what is missing to the diagonal. */
export function reliabilityOf({ ece, bins }) {
  const known = bins.filter(({ count: number }) => number > 0);
  const words = known.map(
    (each) => `Confidence ${rangeOf(each)}: accuracy ${percentage(each.accuracy)} on ${count(each.count)} images.`,
  );
  const picture = makeSvg(
    "svg",
    {
      viewBox: `0 0 ${SIZE} ${SIZE}`,
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `Calibration error ${metric(ece)}. ${words.join(" ")}`,
    },
    ...known.flatMap(barOf),
    makeSvg("path", { class: "diagonal", d: `M0 ${SIZE}L${SIZE} 0` }),
  );
  const total = known.reduce((sum, each) => sum + each.count, 0);
  const most = Math.max(1, ...known.map((each) => each.count));
  const shares = makeSvg(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...known.map((each) => shareOf(each, most)),
  );
  return make(
    "div",
    { className: "reliability" },
    make("p", { className: "axis-y", text: "Accuracy" }),
    make("div", { className: "picture" }, picture),
    make("div", { className: "shares", title: `${count(total)} images by the confidence of their prediction` }, shares),
    make("p", { className: "axis-x" }, ...["0%", "Confidence", percent(1)].map((text) => make("span", { text }))),
  );
}

const rangeOf = ({ low, high }) => `${percent(low)} to ${percent(high)}`;

function barOf(bin) {
  const { low, high, accuracy, confidence, count: number } = bin;
  const [x, width] = [SIZE * low + GAP / 2, SIZE * (high - low) - GAP];
  const [top, bottom] = [SIZE * (1 - Math.max(accuracy, confidence)), SIZE * (1 - Math.min(accuracy, confidence))];
  const told = `Confidence ${rangeOf(bin)}, mean ${percentage(confidence)}: accuracy ${percentage(accuracy)} on ${count(number)} images`;
  const right = makeSvg(
    "rect",
    { class: "right", x, width, y: SIZE * (1 - accuracy), height: SIZE * accuracy },
    makeSvg("title", {}),
  );
  right.firstChild.textContent = told;
  return [
    right,
    makeSvg("rect", { class: accuracy < confidence ? "over" : "under", x, width, y: top, height: bottom - top }),
  ];
}

/** How many images a bin has, against the largest one. */
function shareOf({ low, high, count: number }, most) {
  const height = (SIZE * number) / most;
  return makeSvg("rect", { x: SIZE * low + GAP / 2, width: SIZE * (high - low) - GAP, y: SIZE - height, height });
}
