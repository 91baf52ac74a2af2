/** What is known of one run beside its course: the experiment as it ran, its images, its files; and its deletion. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { bytes, count, shortMoment } from "../format.js";
import { isActive } from "../state.js";

export const renderDetails = whenChanged(
  (state) => [state.detail, state.run],
  ({ detail, run }) => {
    const isThere = detail !== null && detail.run_id === run?.run_id;
    byId("details").hidden = !isThere;
    if (!isThere) return;
    renderImages(detail.preflight);
    renderConfig(detail);
    renderFiles(detail);
    byId("delete").hidden = isActive(run);
  },
);

function renderImages(preflight) {
  const findings = [...(preflight?.errors ?? []), ...(preflight?.warnings ?? [])];
  byId("images-section").hidden = findings.length === 0;
  byId("findings").replaceChildren(...findings.map(finding));
}

/** One finding of the check of the images, with the files it is about. */
export function finding({ message, count: number, files }) {
  const text = make("p", { text: `${message}.` });
  if (!files?.length) return make("li", {}, text);
  const shown = make("ul", { className: "paths" }, ...files.map((file) => make("li", { text: file })));
  const more = number > files.length ? make("p", { className: "quiet small", text: `and ${count(number - files.length)} more` }) : "";
  return make("li", {}, text, make("details", {}, make("summary", { text: `${count(number)} ${number === 1 ? "file" : "files"}` }), shown, more));
}

/** Every value of the experiment by section; what the request changed stands out. */
function renderConfig({ config, request }) {
  const overrides = request?.overrides ?? {};
  const entries = Object.entries(config ?? {});
  const sections = entries.filter(([, value]) => isMapping(value));
  const general = entries.filter(([, value]) => !isMapping(value));
  const parts = sections.map(([name, value]) => part(name, leaves(value, name), overrides));
  if (general.length) parts.unshift(part("", general, overrides));
  byId("config-section").hidden = parts.length === 0;
  byId("config").replaceChildren(...parts);
  const changed = Object.keys(overrides).length;
  setText(byId("config-note"), changed ? `${changed} ${changed === 1 ? "value" : "values"} overridden at the start` : "");
}

/** The values of one section; without a name, those of none. */
function part(name, values, overrides) {
  const rows = values.flatMap(([path, each]) => {
    const isChanged = path in overrides;
    const shown = make("dd", { className: isChanged ? "is-changed" : "" }, textOf(each));
    if (isChanged) shown.append(make("span", { className: "visually-hidden", text: " (overridden)" }));
    return [make("dt", { text: name === "" ? path : path.slice(name.length + 1) }), shown];
  });
  return make("div", { className: "config-part" }, name === "" ? "" : make("h3", { text: name }), make("dl", { className: "pairs" }, ...rows));
}

/** The values below a value with their dotted paths. A mapping without entries, and a list, is a value. */
export function leaves(value, path) {
  return isMapping(value) ? Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`)) : [[path, value]];
}

const isMapping = (value) => value !== null && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length > 0;

const textOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function renderFiles({ run_id, artifacts }) {
  const rows = artifacts.map(({ path, size, modified_at }) => {
    const address = `training/runs/${encodeURIComponent(run_id)}/artifacts/${path.split("/").map(encodeURIComponent).join("/")}`;
    const link = make("a", { text: path, href: address, download: "" });
    return make("tr", {}, make("td", {}, link), make("td", { text: bytes(size), className: "number" }), make("td", { text: shortMoment(modified_at), className: "number wide" }));
  });
  byId("files-body").replaceChildren(...rows);
  setText(byId("files-note"), `${bytes(sizeOf(artifacts))} in all`);
}

export const sizeOf = (artifacts) => artifacts.reduce((sum, { size }) => sum + size, 0);
