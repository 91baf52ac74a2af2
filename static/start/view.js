/** The form that starts a run. The service checks the input, and each message is shown at its field. */
import { ROOT } from "../address.js";
import { isUnreachable, pathOfConfig, pathOfRunInRest } from "../api.js";
import { byId, setText } from "../dom.js";
import { commandLine } from "../experiment.js";
import { experimentName } from "../format.js";
import { byField, curlOf, valueAt } from "../parameters.js";
import { copyable } from "../views/copyable.js";
import { setOptions, setValue, showMessages } from "../views/field.js";
import { DatasetPreview } from "./dataset.js";
import { ParameterFields } from "./fields.js";
import { ResumeChoice } from "./resume.js";
import { Turn } from "./turn.js";

const CHECK_AFTER_MS = 250;
const FIELDS = ["config_name", "dataset", "resume_from", "model_name", "gpus", "priority"];
const FOLDERS = ["train_data_dir", "val_data_dir", "test_data_dir"];
const OTHER_FOLDERS = "";
/** The number of newest runs among which a person can choose one to resume from. */
const MAX_EARLIER = 200;

class StartForm {
  #api;
  #start;
  #needsToken;
  #parameters = new ParameterFields(byId("parameters"));
  /** The parameters of our trainer, with the defaults of no experiment. */
  #ours = [];
  #preview;
  #resume = new ResumeChoice();
  #turn;
  #numChecks = 0;
  #timer = null;
  #isTouched = false;
  #isSending = false;
  /** Whether the form has been filled with what its address asks for. */
  #isFilled = false;
  /** The experiment, or the run to resume from, whose values the form shows; null for none. */
  #shown = null;
  /** Whether the chosen experiment reads a dataset: a command may do without. */
  #usesData = true;
  /** Overrides to show once the values arrive; null to keep those in the form. */
  #pendingOverrides = null;

  /** `startRun(request)` resolves with the service's problem, or null once the run has started or waits in the queue. */
  constructor({ api, getState, startRun, needsToken }) {
    this.#api = api;
    this.#start = startRun;
    this.#needsToken = needsToken;
    this.#turn = new Turn(getState().queue, () => this.#isFilled && this.#ask());
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
   * Show the form with the request of the run `from`, including its overrides, or to resume from the run `resume`; else
   * with the latest request, without its overrides. When only the connection `isBack`, the input stays.
   */
  async open({ query: { from, resume = "" } }, isBack) {
    this.#isFilled &&= isBack;
    try {
      const paths = [
        "training/configs",
        "training/datasets",
        "training/parameters",
        `training/metrics/runs?limit=${MAX_EARLIER}`,
      ];
      const [{ available_configs: configs, problems }, { datasets }, { parameters }, runs] = await Promise.all(
        paths.map((path) => this.#api.get(path)),
      );
      this.#ours = parameters.filter(({ path }) => path !== "description");
      this.#setChoices(configs, problems, datasets);
      const keepsInput = this.#isFilled && (this.#isTouched || from || resume);
      this.#resume.offer(runs, keepsInput ? this.#resume.runId : resume);
      if (!keepsInput) await this.#prefill(from, runs[0] ?? (await this.#firstOwn(configs)));
      this.#isFilled = true;
      await this.#showChosen();
    } catch (error) {
      if (error.problem === undefined) throw error;
      this.#showProblem(error.problem);
    }
  }

  /** Take in the page's new state: it may show that a start has to wait, or no longer has to. */
  changed(state, before) {
    this.#turn.changed(state, before);
  }

  #setChoices(configs, problems, datasets) {
    const isUsable = (name) => !(name in problems);
    const experiments = configs.map((name) => [
      name,
      `${experimentName(name)}${isUsable(name) ? "" : " (not usable)"}`,
    ]);
    const validFirst = [...experiments].sort(([a], [b]) => isUsable(b) - isUsable(a));
    setOptions(byId("config_name"), validFirst, "No experiments found");
    const where = "Put an experiment's YAML file into the service's folder of experiments.";
    if (configs.length === 0) setText(byId("config_name-about"), where);
    const usableFirst = [...datasets].sort((a, b) => Boolean(a.problem) - Boolean(b.problem));
    const options = usableFirst.map(({ dataset_name: name, problem }) => [
      name,
      problem ? `${name} (not usable)` : name,
    ]);
    setOptions(byId("dataset"), [...options, [OTHER_FOLDERS, "Other folders…"]]);
    const layout = "No datasets found. A dataset is a folder NAME/{train,val,test}/CLASS in the service's data folder.";
    setText(byId("dataset-hint"), datasets.length ? "" : layout);
    this.#preview.setDatasets(datasets);
    this.#enable();
  }

  /** The first experiment that is not a command, for a first run; undefined if there is none. */
  async #firstOwn(configs) {
    for (const config_name of configs) {
      const experiment = await this.#api.get(pathOfConfig(config_name)).catch(() => null);
      if (experiment && !experiment.command) return { config_name };
    }
    return undefined;
  }

  async #prefill(from, latest) {
    const request = from ? (await this.#api.get(pathOfRunInRest(from))).request : latest;
    if (!request || (this.#isTouched && !from)) return;
    for (const name of FIELDS) if (name !== "resume_from") setValue(byId(name), String(request[name] ?? ""));
    if (!request.dataset && request.train_data_dir) {
      byId("dataset").value = OTHER_FOLDERS;
      for (const name of FOLDERS) byId(name).value = request[name] ?? "";
    }
    if (!from) return;
    this.#pendingOverrides = request.overrides ?? {};
    this.#isTouched ||= Object.keys(this.#pendingOverrides).length > 0;
  }

  #changed(target) {
    this.#isTouched = true;
    clearTimeout(this.#timer);
    if (target.id === "dataset") this.#showDataset();
    if (target.id === "config_name" || target.id === "resume_from") {
      this.#pendingOverrides = null;
      this.#showChosen(); // It ends with a check.
    } else this.#timer = setTimeout(() => this.#check(), CHECK_AFTER_MS);
    this.#showCommand();
  }

  /**
   * Show the parameters of the chosen experiment, or of the run to resume from, whose experiment may have changed since.
   * What the person has changed of the same ones stays.
   */
  async #showChosen() {
    this.#resume.show();
    this.#showDataset();
    const chosen = this.#chosen();
    if (!chosen) return;
    const isRun = chosen === this.#resume.runId;
    let [run, experiment] = [null, null];
    try {
      // The run's own configuration, not the check's: a completed run passes the check only with other values.
      if (isRun) run = await this.#api.get(pathOfRunInRest(chosen));
      experiment = isRun ? run.config : await this.#api.get(pathOfConfig(chosen));
    } catch (error) {
      if (error.problem === undefined) throw error; // The check below says what is wrong.
      if (isUnreachable(error.problem) && this.#shown === chosen) return; // The form asks again when it is back.
    }
    const parameters = await this.#parametersOf(experiment, isRun ? { run_id: chosen } : { config_name: chosen });
    if (chosen !== this.#chosen()) return;
    if (isRun && run !== null && this.#shown !== chosen) setValue(byId("model_name"), run.model_name ?? "model");
    if (!isRun) setText(byId("config_name-about"), experiment?.description ?? "");
    this.#usesData = !experiment?.command || JSON.stringify(experiment.command).includes("_data_dir}");
    this.#showDataset();
    this.#resume.explain(Boolean(experiment?.command));
    this.#showParameters(chosen, experiment, parameters);
    await this.#check();
  }

  /** The parameters of an experiment, with its values as defaults. None if the service does not say. */
  async #parametersOf(experiment, query) {
    if (experiment === null) return [];
    if (!experiment.command) return this.#ours.map((each) => ({ ...each, default: valueAt(experiment, each.path) }));
    try {
      return (await this.#api.get(`training/parameters?${new URLSearchParams(query)}`)).parameters;
    } catch (error) {
      if (error.problem === undefined) throw error; // The check says what is wrong.
      return [];
    }
  }

  #chosen() {
    return this.#resume.runId || byId("config_name").value;
  }

  #showParameters(chosen, experiment, parameters) {
    const overrides = this.#pendingOverrides ?? (this.#shown === chosen ? this.#parameters.overrides() : {});
    byId("parameters-section").hidden = parameters.length === 0;
    this.#parameters.show(parameters, overrides);
    byId("command").hidden = !experiment?.command;
    setText(byId("command"), experiment?.command ? commandLine(experiment.command.argv) : "");
    this.#shown = experiment === null ? null : chosen;
    if (experiment !== null) this.#pendingOverrides = null;
  }

  #showDataset() {
    const name = byId("dataset").value;
    const isResumed = this.#resume.runId !== "";
    byId("dataset-field").hidden = isResumed || !this.#usesData;
    byId("folders").hidden = byId("dataset-field").hidden || name !== OTHER_FOLDERS;
    this.#preview.show((this.#usesData && (isResumed ? this.#resume.dataset : name)) || null);
  }

  #request() {
    const common = {
      model_name: byId("model_name").value.trim() || null,
      overrides: this.#parameters.overrides(),
      ...this.#turn.request(),
    };
    if (this.#resume.runId) return { resume_from: this.#resume.runId, ...common };
    const dataset = byId("dataset").value;
    const folders = Object.fromEntries(FOLDERS.map((name) => [name, byId(name).value.trim() || null]));
    const data = dataset ? { dataset } : folders;
    return { config_name: byId("config_name").value, ...(this.#usesData ? data : {}), ...common };
  }

  /** The request as it is sent: the service starts the run or lets it wait, whichever is possible. */
  #whole() {
    return { ...this.#request(), queue: this.#turn.mayWait };
  }

  /** Have the service check the request without starting anything, and show its problem. */
  async #check() {
    this.#showCommand();
    const problem = await this.#ask();
    if (problem !== undefined) this.#showProblem(problem !== null && isUnreachable(problem) ? null : problem);
  }

  /** Resolves with the problem of the request, with null if there is none, and with undefined if it has changed. */
  async #ask() {
    this.#numChecks += 1;
    const number = this.#numChecks;
    const answer = await this.#api.post("training/check", this.#request()).catch((error) => {
      if (error.problem === undefined) throw error;
      return error;
    });
    if (number !== this.#numChecks) return undefined;
    if (answer.problem) return answer.problem;
    this.#turn.setObstacles(answer.obstacles);
    return answer.obstacles.find(({ code }) => code !== 409) ?? null; // A run that has to wait is no problem.
  }

  async #submit() {
    if (byId("start-button").disabled) return;
    this.#numChecks += 1;
    this.#setSending(true);
    const problem = await this.#start(this.#whole());
    this.#showProblem(problem, true);
    this.#setSending(false);
    if (problem !== null) (byId("start-form").querySelector("[aria-invalid=true]") ?? byId("start-problem")).focus();
  }

  #setSending(isSending) {
    this.#isSending = isSending;
    this.#turn.setSending(isSending);
    this.#enable();
  }

  #showProblem(problem, wasSubmitted = false) {
    const visible = FIELDS.filter((name) => byId(name).closest("[hidden]") === null);
    const messages = byField(problem, new Set([...visible, ...this.#parameters.keys()]));
    for (const name of FIELDS) showMessages(byId(name), byId(`${name}-problem`), messages.get(name));
    this.#parameters.showMessages(messages);
    const others = messages.get("") ?? [];
    let summary = others.join(" ") || problem?.message || "";
    if (messages.size > 0 && others.length === 0)
      summary = wasSubmitted ? "Not started. Correct the marked fields." : "";
    byId("start-problem").hidden = summary === "";
    setText(byId("start-problem"), summary);
  }

  #showCommand() {
    const command = curlOf(ROOT.href.slice(0, -1), this.#whole(), this.#needsToken());
    byId("curl").replaceChildren(copyable("pre", command, "Copy"));
  }

  #enable() {
    const isComplete = this.#chosen() !== "";
    byId("start-button").disabled = this.#isSending || !isComplete;
    byId("curl-section").hidden = !isComplete;
  }
}

export const createView = (page) => new StartForm(page);
