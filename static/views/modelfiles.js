/** The files of a run's models as a table, each with its download. */
import { make } from "../dom.js";
import { bytes, shortTime, UNKNOWN } from "../format.js";

export function downloadLink({ model, title, path }, className) {
  const link = make("a", { text: "Download", href: path, className, download: "" });
  link.setAttribute("aria-label", `Download ${title} of ${model.run_id}`);
  return link;
}

/** A table with the columns of which at least one file knows something. */
export function modelFiles(files) {
  const columns = [
    ["Test result", "number", ({ accuracy }) => accuracy],
    ["Size", "number", ({ size }) => bytes(size)],
    ["Modified", "number wide", ({ modifiedAt }) => modifiedAt && shortTime(modifiedAt)],
  ].filter(([, , textOf]) => files.some((file) => file.problem === null && textOf(file)));
  const heading = (text, className = "") => make("th", { text, scope: "col", className });
  const head = [heading("File"), ...columns.map(([text, className]) => heading(text, className)), make("td", {})];
  const row = (file) => {
    const name = make("th", { text: file.title, scope: "row" });
    if (file.problem !== null) {
      const text = `Not available: ${file.problem}`;
      return make("tr", {}, name, make("td", { text, colSpan: columns.length + 1, className: "quiet" }));
    }
    const cells = columns.map(([, className, textOf]) => make("td", { text: textOf(file) ?? UNKNOWN, className }));
    return make("tr", {}, name, ...cells, make("td", {}, downloadLink(file)));
  };
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...files.map(row)));
}
