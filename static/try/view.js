/**
 * Try models on images: the model of the run in the address, `try?run=ID`, and a second one beside it.
 *
 * The images stay when a person leaves the view, so that they can try another model on them.
 */
import { pathOfRunInRest } from "../api.js";
import { byId, make, setText } from "../dom.js";
import { canTry, filesOf, MAX_SHOWN } from "../models.js";
import { pathOfRun } from "../router.js";
import { setOptions } from "../views/field.js";
import { imageChooser } from "./images.js";
import { draw, resultOf } from "./result.js";
import { Trial } from "./trial.js";
import { preprocessingText, progressText } from "./words.js";

export function createView({ api: { get, post } }) {
  const container = byId("try");
  const [first, second] = [selectOf("try-model", "Model"), selectOf("try-other", "Compare with")];
  const problem = make("p", { className: "problem", role: "alert", hidden: true });
  const about = make("div", { className: "try-about" });
  const status = make("p", { className: "quiet", role: "status" });
  const slider = opacitySlider((opacity) => container.style.setProperty("--opacity", opacity));
  const clear = make("button", { type: "button", className: "small", text: "Clear" });
  const list = make("ul", { className: "tried" });
  const trial = new Trial({ post, changed: render });
  container.replaceChildren(
    make("h1", { text: "Try a model", id: "try-title" }),
    make("div", { className: "fields" }, ...[first, second].map(({ parentElement: field }) => field)),
    problem,
    about,
    imageChooser(() => !container.parentElement.hidden, add),
    make("div", { className: "try-bar" }, status, slider, clear),
    list,
  );

  /** The files that can be tried, by the path of their predictions. */
  let files = new Map();
  let shownRun;
  const entries = new WeakMap();
  const chosen = () => [...new Set([first.value, second.value])].map((path) => files.get(path)).filter(Boolean);

  async function show(runId) {
    shownRun = runId;
    const asked = [get(`training/models?limit=${MAX_SHOWN}`), ...(runId ? [get(pathOfRunInRest(runId))] : [])];
    const [all, own] = await Promise.allSettled(asked);
    if (runId !== shownRun) return;
    const error = [all, own].find((each) => each?.status === "rejected")?.reason;
    if (error && error.problem === undefined) throw error;
    const others = (all.value?.models_info ?? []).filter(({ run_id }) => run_id !== runId);
    const models = own?.value?.models ?? [];
    listFiles([...models, ...others]);
    const isMissing = own !== undefined && !canTry(models);
    showProblem(error?.message ?? (isMissing ? `Run ${runId} has no model that can be tried.` : ""));
    choose();
  }

  function showProblem(text) {
    problem.hidden = text === "";
    setText(problem, text);
  }

  function listFiles(models) {
    files = new Map(filesOf(models).flatMap((file) => (file.trial === null ? [] : [[file.trial, file]])));
    const options = [...files].map(([path, file]) => [path, nameOf(file)]);
    setOptions(first, options, "No models to try yet");
    setOptions(second, [["", "None"], ...options]);
    const isOf = (file) => file?.model.run_id === shownRun;
    const path = [...files.keys()].find((each) => isOf(files.get(each)));
    if (path !== undefined && !isOf(files.get(first.value))) first.value = path;
  }

  function choose() {
    trial.choose(chosen().map((file) => file.trial));
    render();
  }

  function add(added) {
    trial.add(added);
    render();
  }

  /** Show the outcome of an image, or without one everything. */
  function render(changed) {
    for (const image of changed ? [changed] : trial.images) {
      if (!entries.has(image)) entries.set(image, { element: make("li"), drawing: draw(image.file) });
      const { element, drawing } = entries.get(image);
      const trials = chosen().map((file) => ({ title: nameOf(file), outcome: image.outcomes.get(file.trial) }));
      element.replaceChildren(...resultOf(image.name, drawing, trials));
    }
    if (!changed) list.replaceChildren(...trial.images.map((image) => entries.get(image).element));
    renderAbout();
    slider.hidden = !chosen().flatMap(answersOf).some(hasHeatmap);
    clear.hidden = trial.images.length === 0;
    setText(status, progressText(trial.images.length, trial.numWaiting));
  }

  const answersOf = ({ trial: path }) => trial.images.map(({ outcomes }) => outcomes.get(path)?.answer).filter(Boolean);

  /** Only what has changed, so that a link keeps the focus. */
  function renderAbout() {
    const parts = chosen().map(aboutModel);
    const isSame =
      parts.length === about.children.length && parts.every((part, i) => part.isEqualNode(about.children[i]));
    if (!isSame) about.replaceChildren(...parts);
  }

  function aboutModel(file) {
    const [answer] = answersOf(file);
    const name = make("a", { text: nameOf(file), href: pathOfRun(file.model.run_id) });
    const parts = [make("h2", {}, name)];
    if (!file.model.is_tested) {
      const text = "This model was never tested. Its accuracy is unknown.";
      parts.push(make("p", { text, className: "warning" }));
    }
    if (answer) {
      const heatmap = hasHeatmap(answer) ? " Bright areas of the heatmap show what a prediction is based on." : "";
      const text = preprocessingText(answer.preprocessing) + heatmap;
      parts.push(make("p", { text, className: "quiet small" }));
    }
    if (trial.refusals.has(file.trial)) parts.push(refusalOf(trial.refusals.get(file.trial)));
    return make("div", {}, ...parts);
  }

  function refusalOf(message) {
    const again = make("button", { type: "button", className: "small", text: "Try again" });
    again.addEventListener("click", choose);
    return make("div", { className: "problem", role: "alert" }, make("p", { text: message }), again);
  }

  first.addEventListener("change", choose);
  second.addEventListener("change", choose);
  clear.addEventListener("click", () => {
    trial.clear();
    render();
  });
  return { open: ({ query }) => show(query.run) };
}

const hasHeatmap = ({ predictions }) => predictions[0].heatmap !== null;

const nameOf = ({ model, title }) => `${model.model_name} · ${title} · ${model.run_id}`;

/** A select in a field with a label. */
function selectOf(id, title) {
  const select = make("select", { id }, make("option", { text: "Loading…", value: "" }));
  make("div", { className: "field" }, make("label", { htmlFor: id, text: title }), select);
  return select;
}

function opacitySlider(changed) {
  const input = make("input", { type: "range", min: 0, max: 100, value: 50 });
  const output = make("output");
  const show = () => {
    setText(output, `${input.value}%`);
    changed(input.value / 100);
  };
  input.addEventListener("input", show);
  show();
  return make("label", { className: "smoothing", hidden: true }, "Heatmap", input, output);
}
