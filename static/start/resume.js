/** The run to resume from: one that has ended and left a checkpoint. */
import { byId, make, setText } from "../dom.js";
import { experimentName, runName, shortTime } from "../format.js";
import { hasEnded } from "../state.js";

export class ResumeChoice {
  #runs = new Map();

  /** Offer listed runs, and choose one by its id. That one is offered even if it is not among them. */
  offer(runs, chosen) {
    const possible = runs.filter(({ can_resume, status }) => can_resume && hasEnded({ state: status }));
    this.#runs = new Map(possible.map((run) => [run.run_id, run]));
    const options = possible.map((run) => [run.run_id, titleOf(run)]);
    if (chosen && !this.#runs.has(chosen)) options.unshift([chosen, chosen]);
    const all = [["", "None (start from scratch)"], ...options];
    byId("resume_from").replaceChildren(...all.map(([value, text]) => make("option", { value, text })));
    byId("resume_from").value = chosen;
    byId("resume-field").hidden = options.length === 0;
  }

  /** The run's id; empty to start from scratch. */
  get runId() {
    return byId("resume_from").value;
  }

  /** The name of the run's dataset; null if its folders have none. */
  get dataset() {
    return this.#runs.get(this.runId)?.dataset ?? null;
  }

  /** Hide the fields that the run decides. */
  show() {
    byId("config-field").hidden = this.runId !== "";
    this.explain(false);
  }

  /** Say what a new run takes from the earlier one. */
  explain(isCommand) {
    const { config_name, dataset } = this.#runs.get(this.runId) ?? {};
    const what = [config_name && experimentName(config_name), dataset].filter(Boolean).join(" on ") || "this run";
    const hint = isCommand
      ? `Starts the program of ${what} with the arguments that make it resume from this run.`
      : `Continues ${what} from its last checkpoint, with its metrics and the parameters below.`;
    setText(byId("resume_from-hint"), this.runId === "" ? "" : hint);
  }
}

function titleOf(run) {
  const { run_id, status, started_at, created_at } = run;
  return `${runName(run)}, ${status}, ${shortTime(started_at ?? created_at)} (${run_id})`;
}
