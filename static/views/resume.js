/** The earlier run to resume from: one that has ended and left a checkpoint. */
import { byId, make, setText } from "../dom.js";
import { experimentName, shortMoment } from "../format.js";
import { isActiveState } from "../state.js";

export class ResumeChoice {
  #runs = new Map();

  /** Offer the runs that GET /training/metrics/runs listed, and choose one by its id; that one is offered in any case. */
  offer(runs, chosen) {
    const possible = runs.filter(({ has_checkpoint, status }) => has_checkpoint && !isActiveState(status));
    this.#runs = new Map(possible.map((run) => [run.run_id, run]));
    const options = possible.map((run) => [
      run.run_id,
      `${experimentName(run.config_name)}, ${run.status}, ${shortMoment(run.started_at ?? run.created_at)} (${run.run_id})`,
    ]);
    if (chosen && !this.#runs.has(chosen)) options.unshift([chosen, chosen]);
    byId("resume_from").replaceChildren(
      ...[["", "None (start from scratch)"], ...options].map(([value, text]) => make("option", { value, text })),
    );
    byId("resume_from").value = chosen;
    byId("resume-field").hidden = options.length === 0;
  }

  /** The run's id; empty for a training that begins anew. */
  get runId() {
    return byId("resume_from").value;
  }

  /** The name of the dataset that it was trained on, null for folders without one. */
  get dataset() {
    return this.#runs.get(this.runId)?.dataset ?? null;
  }

  /** Ask only for what the run does not bring along, and say what that is. */
  show() {
    const isAnew = this.runId === "";
    byId("config-field").hidden = !isAnew;
    const { config_name, dataset } = this.#runs.get(this.runId) ?? {};
    const what = [config_name && experimentName(config_name), dataset].filter(Boolean).join(" on ");
    setText(
      byId("resume_from-hint"),
      isAnew
        ? ""
        : `The new run continues from its last checkpoint, with its metrics and the parameters below${what ? ` (${what})` : ""}.`,
    );
  }
}
