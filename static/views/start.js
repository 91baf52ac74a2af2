/** The form that starts a run. The service checks what is typed, and each message stands beside its field. */
import { ROOT } from "../address.js";
import { isAway } from "../api.js";
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
/** So many of the newest runs are looked through for those to resume from. */
const MAX_EARLIER = 200;

const configPath = (name) => `training/configs/${encodeURIComponent(name)}`;
const runPath = (runId) => `training/runs/${encodeURIComponent(runId)}`;

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
  /** Whether the form holds what its address asks for. */
  #isProposed = false;
  /** The experiment, or the run to go on from, whose values are in the form; null: none's. */
  #shown = null;
  /** Whether the chosen experiment reads a dataset: a command may do without. */
  #usesData = true;
  /** The overrides to show with the values that are not here yet; null: those that the form has. */
  #owed = null;

  /** `start(request)` resolves with the service's problem, or null when it has started. */
  constructor({ api, start, needsToken }) {
    this.#api = api;
    this.#start = start;
    this.#needsToken = needsToken;
    this.#preview = new DatasetPreview(api);
    byId("start-form").addEventListener("input", (event) => this.#changed(event.target));
    byId("start-form").addEventListener(
      "click",
      (event) => event.target.closest(".reset") && this.#changed(event.target),
    );
    byId("start-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /**
   * Show the form with what the run `from` asked for, its overrides included, or to go on from the run `resume`; else with
   * what was last run, as it is. When the connection `isBack`, what the form holds stays.
   */
  async open({ from, resume = "" }, isBack = false) {
    this.#isProposed &&= isBack;
    try {
      const paths = [
        "training/configs",
        "training/datasets",
        "training/settings",
        `training/metrics/runs?limit=${MAX_EARLIER}`,
      ];
      const [{ available_configs: configs }, { datasets }, { settings }, runs] = await Promise.all(
        paths.map((path) => this.#api.get(path)),
      );
      this.#settings.describe(settings);
      this.#fill(configs, datasets);
      const isKept = this.#isProposed && (this.#isTouched || from || resume);
      this.#resume.offer(runs, isKept ? this.#resume.runId : resume);
      if (!isKept) await this.#propose(from, runs[0] ?? (await this.#firstOwn(configs)));
      this.#isProposed = true;
      await this.#showChosen();
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
    fill(
      byId("config_name"),
      configs.map((name) => [name, experimentName(name)]),
      "No experiments found",
    );
    if (configs.length === 0)
      setText(byId("config_name-about"), "Put a YAML file into the service's folder of experiments.");
    const usableFirst = [...datasets].sort((a, b) => Boolean(a.problem) - Boolean(b.problem));
    const options = usableFirst.map(({ dataset_name: name, problem }) => [
      name,
      problem ? `${name} (not usable yet)` : name,
    ]);
    fill(byId("dataset"), [...options, [OTHER_FOLDERS, "Other folders…"]]);
    const none = "No datasets found. A dataset is a folder NAME/{train,val,test}/CLASS in the service's data folder.";
    setText(byId("dataset-hint"), datasets.length ? "" : none);
    this.#preview.know(datasets);
    this.#enable();
  }

  /** The first experiment that trains on a dataset, for who has not started anything yet; undefined without one. */
  async #firstOwn(configs) {
    for (const config_name of configs) {
      const experiment = await this.#api.get(configPath(config_name)).catch(() => null);
      if (experiment && !experiment.command) return { config_name };
    }
    return undefined;
  }

  async #propose(from, latest) {
    const request = from ? (await this.#api.get(runPath(from))).request : latest;
    if (!request || (this.#isTouched && !from)) return;
    for (const name of OWN) if (name !== "resume_from") choose(byId(name), request[name]);
    if (!request.dataset && request.train_data_dir) {
      byId("dataset").value = OTHER_FOLDERS;
      for (const name of FOLDERS) byId(name).value = request[name] ?? "";
    }
    if (!from) return;
    this.#owed = request.overrides ?? {};
    this.#isTouched ||= Object.keys(this.#owed).length > 0;
  }

  #changed(target) {
    this.#isTouched = true;
    if (target.id === "dataset") this.#showDataset();
    if (target.id === "config_name" || target.id === "resume_from") {
      this.#owed = null;
      this.#showChosen();
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), CHECK_AFTER_MS);
    this.#showCommand();
  }

  /**
   * Show the values of what is chosen: the experiment's, or of the run to go on from its own, which its experiment's may not
   * be any more. What was changed of the same one's values meanwhile stays.
   */
  async #showChosen() {
    this.#resume.show();
    this.#showDataset();
    const chosen = this.#chosen();
    if (!chosen) return;
    const isRun = chosen === this.#resume.runId;
    let [run, experiment] = [null, null];
    try {
      // Its own configuration, not the check's: a complete run passes that only with other values.
      if (isRun) run = await this.#api.get(`training/runs/${encodeURIComponent(chosen)}`);
      experiment = isRun ? run.config : await this.#api.get(configPath(chosen));
    } catch (error) {
      if (error.problem === undefined) throw error; // The check that follows says what is wrong with it.
      if (isAway(error.problem) && this.#shown === chosen) return; // It is asked for again.
    }
    if (chosen !== this.#chosen()) return;
    if (isRun && run !== null && this.#shown !== chosen) choose(byId("model_name"), run.model_name ?? "model");
    if (!isRun) setText(byId("config_name-about"), experiment?.description ?? "");
    this.#usesData = !experiment?.command || JSON.stringify(experiment.command).includes("_data_dir}");
    this.#showDataset();
    this.#showValues(chosen, experiment);
    await this.#check();
  }

  #chosen() {
    return this.#resume.runId || byId("config_name").value;
  }

  #showValues(of, experiment) {
    const isOurs = experiment !== null && !experiment.command;
    byId("settings-section").hidden = !isOurs;
    this.#settings.show(
      isOurs ? experiment : null,
      this.#owed ?? (this.#shown === of ? this.#settings.overrides() : {}),
    );
    byId("command").hidden = !experiment?.command;
    setText(byId("command"), experiment?.command ? experiment.command.argv.join(" ") : "");
    this.#shown = experiment === null ? null : of;
    if (experiment !== null) this.#owed = null;
  }

  #showDataset() {
    const name = byId("dataset").value;
    const isAnew = this.#resume.runId === "";
    byId("dataset-field").hidden = !isAnew || !this.#usesData;
    byId("folders").hidden = byId("dataset-field").hidden || name !== OTHER_FOLDERS;
    this.#preview.show((this.#usesData && (isAnew ? name : this.#resume.dataset)) || null);
  }

  #request() {
    const own = { model_name: byId("model_name").value.trim() || null, overrides: this.#settings.overrides() };
    if (this.#resume.runId) return { resume_from: this.#resume.runId, ...own };
    const dataset = byId("dataset").value;
    const folders = Object.fromEntries(FOLDERS.map((name) => [name, byId(name).value.trim() || null]));
    return {
      config_name: byId("config_name").value,
      ...(this.#usesData ? (dataset ? { dataset } : folders) : {}),
      ...own,
    };
  }

  /** Ask the service what it would say, without starting anything; only the latest answer counts. */
  async #check() {
    this.#showCommand();
    const asked = ++this.#asked;
    const problem = await this.#api.post("training/check", this.#request()).then(
      // That a run is active shows already.
      ({ obstacles }) => obstacles.find(({ code }) => code !== 409) ?? null,
      (error) => error.problem ?? Promise.reject(error),
    );
    if (asked === this.#asked) this.#tell(problem !== null && isAway(problem) ? null : problem);
  }

  async #submit() {
    if (byId("start-button").disabled) return;
    this.#asked += 1;
    byId("start-button").disabled = true;
    setText(byId("start-button"), "Starting…");
    const problem = await this.#start(this.#request());
    this.#tell(problem, true);
    setText(byId("start-button"), "Start");
    this.#enable();
    if (problem !== null) (byId("start-form").querySelector("[aria-invalid=true]") ?? byId("start-problem")).focus();
  }

  #tell(problem, wasStarted = false) {
    const shown = OWN.filter((name) => byId(name).closest("[hidden]") === null);
    const told = byField(problem, new Set([...shown, ...this.#settings.paths()]));
    for (const name of OWN) tellAt(byId(name), byId(`${name}-problem`), told.get(name));
    this.#settings.tell(told);
    const others = told.get("") ?? [];
    const isAtFields = told.size > 0 && others.length === 0;
    const summary = isAtFields
      ? wasStarted
        ? "Not started. Correct the marked fields."
        : ""
      : others.join(" ") || problem?.message || "";
    byId("start-problem").hidden = summary === "";
    setText(byId("start-problem"), summary);
  }

  #showCommand() {
    const command = curlOf(ROOT.href.slice(0, -1), this.#request(), this.#needsToken());
    byId("curl").replaceChildren(copyable("pre", command, "Copy"));
  }

  #enable() {
    const isComplete = this.#chosen() !== "";
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
  const isPossible =
    !(field instanceof HTMLSelectElement) || [...field.options].some((option) => option.value === value);
  if (value && isPossible) field.value = value;
}
