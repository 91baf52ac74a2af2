/** A run's experiment, the findings about its images, and its files. */
import { byId, make, setText } from "../dom.js";
import { sectionsOf } from "../experiment.js";
import { bytes, count, counted, parameterText, shortTime } from "../format.js";
import { filesOf } from "../models.js";
import { originOf } from "../origin.js";
import { hasEnded, isActive } from "../state.js";
import { modelFiles } from "./modelfiles.js";

export function renderDetails(state) {
  const detail = state.detail?.run_id === state.run?.run_id ? state.detail : null;
  byId("details").hidden = detail === null;
  if (detail === null) return;
  byId("delete").hidden = !hasEnded(state.run);
  renderImages(detail);
  renderConfig(detail);
  renderOrigin(detail);
  renderModels(detail);
  renderFiles(detail);
}

/** Make a render function that runs only when its part of the details has changed: files change every second. */
function whenPartChanged(select, render) {
  let shown = null;
  return (detail) => {
    const part = JSON.stringify(select(detail));
    if (part !== shown) render(detail);
    shown = part;
  };
}

const renderImages = whenPartChanged(
  ({ run_id, preflight }) => [run_id, preflight],
  ({ preflight }) => {
    const findings = [...(preflight?.errors ?? []), ...(preflight?.warnings ?? [])];
    byId("images-section").hidden = findings.length === 0;
    byId("findings").replaceChildren(...findings.map(finding));
  },
);

/** A message as a sentence: it begins with a capital and ends with one period. */
const sentence = (message) => message.replace(/^./, (first) => first.toUpperCase()).replace(/\.?$/, ".");

/** A finding of the check, with its files. */
export function finding({ message, count: number, files }) {
  const text = make("p", { text: sentence(message) });
  if (!files?.length) return make("li", {}, text);
  const shown = make("ul", { className: "paths" }, ...files.map((file) => make("li", { text: file })));
  const more =
    number > files.length
      ? make("p", { className: "quiet small", text: `and ${count(number - files.length)} more` })
      : "";
  return make("li", {}, text, make("details", {}, make("summary", { text: counted(number, "file") }), shown, more));
}

/** The experiment's values by section, with the overrides of the request marked. */
const renderConfig = whenPartChanged(
  ({ config, parameters, request }) => [config, parameters, request],
  ({ config, parameters, request }) => {
    const overrides = request?.overrides ?? {};
    const parts = sectionsOf(config, parameters, overrides).map(section);
    byId("config-section").hidden = parts.length === 0;
    byId("config").replaceChildren(...parts);
    const changed = Object.keys(overrides).length;
    setText(byId("config-note"), changed ? `${counted(changed, "value")} overridden for this run` : "");
  },
);

/** The values of one section, or with an empty name those outside any section. */
function section({ name, rows }) {
  const pairs = rows.flatMap(({ label, value, isChanged, isCommandLine }) => {
    const text = parameterText(value);
    const shown = make(
      "dd",
      { className: isChanged ? "is-changed" : "" },
      isCommandLine ? make("code", { text }) : text,
    );
    if (isChanged) shown.append(make("span", { className: "visually-hidden", text: " (overridden)" }));
    return [make("dt", { text: label }), shown];
  });
  return make(
    "div",
    { className: "config-part" },
    name === "" ? "" : make("h3", { text: name }),
    make("dl", { className: "pairs" }, ...pairs),
  );
}

/** What ran, and from which commit. */
const renderOrigin = whenPartChanged(
  ({ origin }) => origin,
  ({ origin }) => {
    const pairs = originOf(origin).flatMap(([name, text]) => [
      make("dt", { text: name }),
      make("dd", {}, name === "Command" ? make("code", { text }) : text),
    ]);
    byId("origin-section").hidden = pairs.length === 0;
    byId("origin").replaceChildren(...pairs);
  },
);

/** The models, unless the button at the top downloads the only one. */
const renderModels = whenPartChanged(
  ({ models, state }) => [models, state],
  ({ models, state }) => {
    const files = filesOf(models);
    const isAtTop = files.length === 1 && files[0].problem === null && !isActive({ state });
    byId("models-section").hidden = files.length === 0 || isAtTop;
    byId("run-models").replaceChildren(modelFiles(files));
  },
);

const renderFiles = whenPartChanged(
  ({ run_id, artifacts, size_bytes }) => [run_id, artifacts, size_bytes],
  ({ run_id, artifacts, size_bytes: size }) => {
    const focused = byId("files-body").contains(document.activeElement)
      ? document.activeElement.getAttribute("href")
      : null;
    const rows = artifacts.map(({ path, size, modified_at }) => {
      const address = `training/runs/${encodeURIComponent(run_id)}/artifacts/${path.split("/").map(encodeURIComponent).join("/")}`;
      const link = make("a", { text: path, href: address, download: "" });
      return make(
        "tr",
        {},
        make("td", {}, link),
        make("td", { text: bytes(size), className: "number" }),
        make("td", { text: shortTime(modified_at), className: "number wide" }),
      );
    });
    byId("files-body").replaceChildren(...rows);
    if (focused !== null)
      [...byId("files-body").querySelectorAll("a")]
        .find((link) => link.getAttribute("href") === focused)
        ?.focus({ preventScroll: true });
    setText(byId("files-note"), size === null ? "" : `${bytes(size)} in total`);
  },
);
