/** The report on a run's model: its figures, confusion matrix, calibration, classes and mistakes. */
import { byId, make, setText } from "../dom.js";
import { count, counted, metric, percentage, UNKNOWN } from "../format.js";
import { reliabilityOf } from "./reliability.js";

/** Show a report, or nothing for null. `loadImage(path)` resolves with the URL of an image of the run. */
export function showReport(report, loadImage) {
  byId("report").hidden = report === null;
  if (report === null) return;
  setText(byId("report-notes"), (report.notes ?? []).join(" "));
  byId("report-notes").hidden = !report.notes?.length;
  byId("report-facts").replaceChildren(...factsOf(report));
  byId("matrix").replaceChildren(...matrixOf(report.confusion_matrix));
  setText(byId("matrix-note"), noteOf(report));
  byId("reliability-part").hidden = !report.calibration?.bins.some(({ count: number }) => number > 0);
  byId("reliability").replaceChildren(...(byId("reliability-part").hidden ? [] : [reliabilityOf(report.calibration)]));
  byId("classes").replaceChildren(...classesOf(report.classes));
  const pairs = pairsOf(report.confusions ?? [], loadImage);
  byId("confusions-section").hidden = pairs.length === 0;
  byId("confusions").replaceChildren(...pairs);
  byId("heatmap-note").hidden = !report.mistakes.some(({ heatmap }) => heatmap);
  byId("mistakes-section").hidden = report.mistakes.length === 0;
  byId("mistakes").replaceChildren(...report.mistakes.map((mistake) => mistakeOf(mistake, loadImage)));
}

function factsOf({ split, accuracy, balanced_accuracy, macro_f1, auroc, calibration, num_images }) {
  const images = split === "val" ? "Validation" : "Test";
  const facts = [
    [`${images} accuracy`, percentage(accuracy.value), `${percentage(accuracy.low)} – ${percentage(accuracy.high)}`],
    ["Balanced accuracy", percentage(balanced_accuracy)],
    ["Macro F1", metric(macro_f1)],
    ["AUROC", metric(auroc?.value)],
    ["Calibration error", metric(calibration?.ece)],
    [`${images} images`, count(num_images)],
  ];
  return facts.map(([name, value, more]) => {
    const shown = make(
      "dd",
      {},
      value,
      ...(more ? [" ", make("small", { text: more, title: "95% confidence interval" })] : []),
    );
    return make("div", {}, make("dt", { text: name }), shown);
  });
}

/** The confusion matrix. The depth of a cell's colour is its share of the row. */
function matrixOf({ class_names, counts }) {
  const corner = make("td", { text: "true ↓  predicted →", className: "quiet small" });
  const head = make(
    "thead",
    {},
    make("tr", {}, corner, ...class_names.map((name) => make("th", { text: name, scope: "col" }))),
  );
  const rows = counts.map((row, i) => {
    const total = Math.max(
      1,
      row.reduce((sum, value) => sum + value, 0),
    );
    const cells = row.map((value, j) => {
      const cell = make("td", {
        text: value ? count(value) : "",
        className: i === j ? "is-right" : value ? "is-wrong" : "",
      });
      cell.style.setProperty("--share", `${Math.round(value ? 12 + (58 * value) / total : 0)}%`);
      return cell;
    });
    return make("tr", {}, make("th", { text: class_names[i], scope: "row" }), ...cells);
  });
  return [head, make("tbody", {}, ...rows)];
}

function noteOf({ confusion_matrix, classes }) {
  const numOthers = classes.length - confusion_matrix.class_names.length;
  return numOthers > 0
    ? `Only the ${confusion_matrix.class_names.length} classes with the most mistakes. ${counted(numOthers, "other is", "others are")} not shown.`
    : "";
}

/** The classes, lowest F1 first. */
function classesOf(classes) {
  const columns = [
    ["f1", "F1"],
    ["recall", "Recall"],
    ["precision", "Precision"],
    ["auroc", "AUROC"],
    ["support", "Images"],
  ];
  const heading = ([, title]) => make("th", { text: title, scope: "col", className: "number" });
  const value = (name, each) =>
    name === "support" ? count(each) : each === null || each === undefined ? UNKNOWN : metric(each);
  const rows = [...classes]
    .sort((a, b) => (a.f1 ?? 2) - (b.f1 ?? 2))
    .map((each) =>
      make(
        "tr",
        {},
        make("th", { text: each.name, scope: "row" }),
        ...columns.map(([name]) => make("td", { text: value(name, each[name]), className: "number" })),
      ),
    );
  return [
    make("thead", {}, make("tr", {}, make("th", { text: "Class", scope: "col" }), ...columns.map(heading))),
    make("tbody", {}, ...rows),
  ];
}

/** Pairs of classes that were confused most, each with its most confident images. */
function pairsOf(confusions, loadImage) {
  return confusions
    .filter(({ examples }) => examples?.length)
    .map(({ true: right, predicted, count: number, examples }) => {
      const title = `${right} taken for ${predicted}: ${counted(number, "image")}`;
      const images = examples.map((each) => mistakeOf(each, loadImage));
      return make("li", {}, make("h4", { text: title }), make("ul", { className: "mistakes" }, ...images));
    });
}

function mistakeOf({ file, true: right, predicted, probability, image, heatmap }, loadImage) {
  const shown = make("img", { alt: "", width: 112, height: 112 });
  if (heatmap ?? image) showImage(shown, loadImage(heatmap ?? image));
  const caption = make(
    "figcaption",
    {},
    make("b", { text: predicted }),
    ` ${percentage(probability)}`,
    make("span", { text: `is ${right}`, className: "quiet" }),
  );
  return make("li", {}, make("figure", { title: file }, shown, caption));
}

async function showImage(element, loading) {
  const address = await loading;
  if (address !== null) element.src = address;
}
