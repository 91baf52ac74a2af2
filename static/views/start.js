/** The form that starts a training. Everything is checked by the service while it is typed, and said beside its field. */
import { byId, make, setText } from "../dom.js";
import { experimentName } from "../format.js";
import { byField, curlOf } from "../settings.js";
import { copyable } from "./copyable.js";
import { DatasetPreview } from "./dataset.js";
import { SettingFields } from "./fields.js";
import { ResumeChoice } from "./resume.js";

const CHECK_AFTER_MS = 250;
const OWN = ["config_name", "dataset", "resume_from", "model_name"];
const FOLDERS = ["train_data_dir", "val_data_dir", "test_data_dir"];
const OTHER_FOLDERS = "";
/** Of so many runs, the newest, those with a checkpoint are offered to go on from. */
const MAX_EARLIER = 200;

const runPath = (runId) => `/training/runs/${encodeURIComponent(runId)}`;

export class StartForm {
  #api;
  #start;
  #needsToken;
  #settings = new SettingFields(byId("settings"));
  #preview;
  #resume = new ResumeChoice();
  #asked = 0;
  #timer = null;
  #isTouched = false;
  #isActive = false;
  /** The experiment, or the run to go on from, whose values are in the form; null: none's. */
  #shown = null;

  /** `start(request)` resolves with the service's problem, or null when it has started. */
  constructor({ api, start, needsToken }) {
    this.#api = api;
    this.#start = start;
    this.#needsToken = needsToken;
    this.#preview = new DatasetPreview(api);
    byId("start-form").addEventListener("input", (event) => this.#changed(event.target));
    byId("start-form").addEventListener("click", (event) => event.target.closest(".reset") && this.#changed(event.target));
    byId("start-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /**
   * Show the form with what the run `from` asked for, its overrides included, or to go on from the run `resume`; else with
   * what was last run, as it is. When the connection `isBack`, what a person has changed stays.
   */
  async open({ from, resume = "" }, isBack = false) {
    try {
      const paths = ["/training/configs", "/training/datasets", "/training/settings", `/training/metrics/runs?limit=${MAX_EARLIER}`];
      const [{ available_configs: configs }, { datasets }, { settings }, runs] = await Promise.all(paths.map((path) => this.#api.get(path)));
      this.#settings.describe(settings);
      this.#fill(configs, datasets);
      const isKept = isBack && this.#isTouched;
      this.#resume.offer(runs, isKept ? this.#resume.runId : resume);
      if (isKept && this.#shown === (this.#resume.runId || byId("config_name").value)) return await this.#check();
      if (isKept) return await (this.#resume.runId ? this.#showEarlier() : this.#showExperiment({}));
      const request = from ? (await this.#api.get(runPath(from))).request : runs[0];
      if (request && (from || !this.#isTouched)) this.#propose(request, from ? request.overrides : {});
      this.#showDataset();
      if (resume) await this.#showEarlier();
      else await this.#showExperiment(from ? request.overrides : null);
    } catch (error) {
      if (error.problem === undefined) throw error;
      this.#tell(error.problem);
    }
  }

  /** Whether a training is active: then the next one has to wait. */
  setActive(isActive) {
    this.#isActive = isActive;
    byId("start-busy").hidden = !isActive;
    this.#enable();
  }

  #fill(configs, datasets) {
    fill(byId("config_name"), configs.map((name) => [name, experimentName(name)]), "No experiments found");
    if (configs.length === 0) setText(byId("config_name-about"), "The service looks for NAME.yaml in its folder of experiments, and found none.");
    fill(byId("dataset"), [...datasets.map(({ dataset_name: name }) => [name, name]), [OTHER_FOLDERS, "Other folders…"]]);
    const none = "The service looks for NAME/{train,val,test}/CLASS in its data folder, and found none.";
    setText(byId("dataset-hint"), datasets.length ? "" : none);
    this.#preview.know(datasets);
    this.#enable();
  }

  #propose(request, overrides) {
    for (const name of OWN) if (name !== "resume_from") choose(byId(name), request[name]);
    if (!request.dataset && request.train_data_dir) {
      byId("dataset").value = OTHER_FOLDERS;
      for (const name of FOLDERS) byId(name).value = request[name] ?? "";
    }
    this.#isTouched ||= Object.keys(overrides ?? {}).length > 0;
  }

  #changed(target) {
    this.#isTouched = true;
    if (target.id === "config_name") this.#showExperiment({});
    else if (target.id === "dataset") this.#showDataset();
    else if (target.id === "resume_from") this.#showEarlier();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), CHECK_AFTER_MS);
    this.#showCommand();
  }

  /** Show the run to go on from with its own values, which its experiment's may not be any more. */
  async #showEarlier() {
    this.#resume.show();
    const { runId } = this.#resume;
    if (!runId) return this.#showExperiment({});
    this.#showDataset();
    let plan = null;
    try {
      plan = await this.#api.post("/training/check", { resume_from: runId });
    } catch (error) {
      if (error.problem === undefined) throw error; // The check that follows says what is wrong with it.
    }
    if (this.#resume.runId !== runId) return;
    choose(byId("model_name"), plan?.request.model_name);
    this.#showValues(runId, plan?.experiment ?? null, {});
    await this.#check();
  }

  /** Null: with the overrides that the form has once the experiment is here. */
  async #showExperiment(overrides) {
    this.#resume.show();
    const name = byId("config_name").value;
    if (!name) return;
    let experiment = null;
    try {
      experiment = await this.#api.get(`/training/configs/${encodeURIComponent(name)}`);
    } catch (error) {
      if (error.problem === undefined) throw error; // The check that follows says what is wrong with it.
      if (error.problem.code === 0 && this.#shown === name) return; // Nothing is known: what was typed stays.
    }
    if (byId("config_name").value !== name || this.#resume.runId) return;
    setText(byId("config_name-about"), experiment?.description ?? "");
    this.#showValues(name, experiment, overrides ?? this.#settings.overrides());
    await this.#check();
  }

  #showValues(of, experiment, overrides) {
    this.#shown = experiment === null ? null : of;
    const isOurs = experiment !== null && !experiment.command;
    byId("settings-section").hidden = !isOurs;
    this.#settings.show(isOurs ? experiment : null, overrides);
    byId("command").hidden = !experiment?.command;
    setText(byId("command"), experiment?.command ? experiment.command.argv.join(" ") : "");
  }

  #showDataset() {
    const name = byId("dataset").value;
    const isAnew = this.#resume.runId === "";
    byId("folders").hidden = name !== OTHER_FOLDERS || !isAnew;
    this.#preview.show((isAnew ? name : this.#resume.dataset) || null);
  }

  #request() {
    const own = { model_name: byId("model_name").value.trim() || null, overrides: this.#settings.overrides() };
    if (this.#resume.runId) return { resume_from: this.#resume.runId, ...own };
    const dataset = byId("dataset").value;
    const folders = Object.fromEntries(FOLDERS.map((name) => [name, byId(name).value.trim()]).filter(([, value]) => value));
    return {
      config_name: byId("config_name").value,
      ...(dataset ? { dataset } : folders),
      ...own,
    };
  }

  /** Ask the service what it would say, without starting anything; only the latest answer counts. */
  async #check() {
    this.#showCommand();
    const asked = ++this.#asked;
    const problem = await this.#api.post("/training/check", this.#request()).then(() => null, (error) => error.problem ?? Promise.reject(error));
    if (asked === this.#asked) this.#tell(problem?.code === 0 ? null : problem);
  }

  async #submit() {
    if (byId("start-button").disabled) return;
    this.#asked += 1;
    byId("start-button").disabled = true;
    setText(byId("start-button"), "Starting…");
    this.#tell(await this.#start(this.#request()), true);
    setText(byId("start-button"), "Start");
    this.#enable();
  }

  #tell(problem, wasStarted = false) {
    const shown = OWN.filter((name) => byId(name).closest("[hidden]") === null);
    const told = byField(problem, new Set([...shown, ...this.#settings.paths()]));
    for (const name of OWN) tellAt(byId(name), byId(`${name}-problem`), told.get(name));
    this.#settings.tell(told);
    const others = told.get("") ?? [];
    const isAtFields = told.size > 0 && others.length === 0;
    const summary = isAtFields ? (wasStarted ? "Not started: see the fields marked." : "") : others.join(" ") || problem?.message || "";
    byId("start-problem").hidden = summary === "";
    setText(byId("start-problem"), summary);
  }

  #showCommand() {
    const command = curlOf(location.origin, this.#request(), this.#needsToken());
    byId("curl").replaceChildren(copyable("pre", command, "Copy"));
  }

  #enable() {
    const isComplete = byId("config_name").value !== "" || this.#resume.runId !== "";
    byId("start-button").disabled = this.#isActive || !isComplete;
    byId("curl-section").hidden = !isComplete;
  }
}

export function tellAt(field, place, texts = []) {
  setText(place, texts.join(" "));
  field.setAttribute("aria-invalid", String(texts.length > 0));
}

/** Set the options of a list and keep what was chosen. */
function fill(select, options, whenEmpty) {
  const chosen = select.options.length ? select.value : null;
  const shown = options.length ? options : [["", whenEmpty]];
  select.replaceChildren(...shown.map(([value, text]) => make("option", { value, text })));
  if (chosen !== null) choose(select, chosen);
}

function choose(field, value) {
  const isPossible = !(field instanceof HTMLSelectElement) || [...field.options].some((option) => option.value === value);
  if (value && isPossible) field.value = value;
}
