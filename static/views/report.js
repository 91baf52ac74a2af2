/** How good a run's model is on the images it was judged by: in numbers, class by class, and by the mistakes it was surest of. */
import { byId, make, setText } from "../dom.js";
import { count, metric, percentage, UNKNOWN } from "../format.js";
import { reliabilityOf } from "./reliability.js";

export const REPORT_FILE = "report.json";

/** Show a report, null: there is none. `loadImage(path)` resolves with the address of a picture of the run. */
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
  byId("mistakes-section").hidden = report.mistakes.length === 0;
  byId("mistakes").replaceChildren(...report.mistakes.map((mistake) => mistakeOf(mistake, loadImage)));
}

function factsOf({ split, accuracy, balanced_accuracy, macro_f1, auroc, calibration, num_images }) {
  const side = split === "val" ? "Validation" : "Test";
  const told = [
    [`${side} accuracy`, percentage(accuracy.value), `${percentage(accuracy.low)} – ${percentage(accuracy.high)}`],
    ["Balanced accuracy", percentage(balanced_accuracy)],
    ["Macro F1", metric(macro_f1)],
    ["AUROC", metric(auroc?.value)],
    ["Calibration error", metric(calibration?.ece)],
    [`${side} images`, count(num_images)],
  ];
  return told.map(([name, value, more]) => {
    const shown = make(
      "dd",
      {},
      value,
      ...(more
        ? [" ", make("small", { text: more, title: "The true accuracy lies in between with 95 % confidence." })]
        : []),
    );
    return make("div", {}, make("dt", { text: name }), shown);
  });
}

/** The confusion matrix, each row's shares as depth of colour. */
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
  const left = classes.length - confusion_matrix.class_names.length;
  return left > 0
    ? `The ${confusion_matrix.class_names.length} classes with the most mistakes; ${count(left)} are left out.`
    : "";
}

/** The classes, the weakest first. */
function classesOf(classes) {
  const columns = [
    ["recall", "Recall"],
    ["precision", "Precision"],
    ["f1", "F1"],
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

function mistakeOf({ file, true: right, predicted, probability, image }, loadImage) {
  const shown = make("img", { alt: "", width: 112, height: 112 });
  if (image) showImage(shown, loadImage(image));
  const said = make(
    "figcaption",
    {},
    make("b", { text: predicted }),
    ` ${percentage(probability)}`,
    make("span", { text: `is ${right}`, className: "quiet" }),
  );
  return make("li", {}, make("figure", { title: file }, shown, said));
}

async function showImage(element, loading) {
  const address = await loading;
  if (address !== null) element.src = address;
}
