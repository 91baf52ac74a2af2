/** A model's calibration as a reliability diagram and in words: how often it is right at each confidence. */
import { make, makeSvg } from "../dom.js";
import { count, metric, percent, percentage } from "../format.js";

const SIZE = 100;
const GAP = 0.6;

/** The diagram of report.json's `calibration`: the accuracy of each bin, and its difference from the diagonal. */
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
  const largest = Math.max(1, ...known.map((each) => each.count));
  const shares = makeSvg(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...known.map((each) => shareOf(each, largest)),
  );
  return make(
    "div",
    { className: "reliability" },
    make("p", { className: "axis-y", text: "Accuracy" }),
    make("div", { className: "picture" }, picture),
    make("div", { className: "shares", title: `${count(total)} images by confidence` }, shares),
    make("p", { className: "axis-x" }, ...["0%", "Confidence", percent(1)].map((text) => make("span", { text }))),
  );
}

const rangeOf = ({ low, high }) => `${percent(low)} to ${percent(high)}`;

function barOf(bin) {
  const { low, high, accuracy, confidence, count: number } = bin;
  const [x, width] = [SIZE * low + GAP / 2, SIZE * (high - low) - GAP];
  const [top, bottom] = [SIZE * (1 - Math.max(accuracy, confidence)), SIZE * (1 - Math.min(accuracy, confidence))];
  const text = `Confidence ${rangeOf(bin)}, mean ${percentage(confidence)}: accuracy ${percentage(accuracy)} on ${count(number)} images`;
  const right = makeSvg(
    "rect",
    { class: "right", x, width, y: SIZE * (1 - accuracy), height: SIZE * accuracy },
    makeSvg("title", {}),
  );
  right.firstChild.textContent = text;
  return [
    right,
    makeSvg("rect", { class: accuracy < confidence ? "over" : "under", x, width, y: top, height: bottom - top }),
  ];
}

/** A bin's number of images, relative to the largest bin. */
function shareOf({ low, high, count: number }, largest) {
  const height = (SIZE * number) / largest;
  return makeSvg("rect", { x: SIZE * low + GAP / 2, width: SIZE * (high - low) - GAP, y: SIZE - height, height });
}
