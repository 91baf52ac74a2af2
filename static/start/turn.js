/** When a run that the form starts would begin: at once, or after those in the queue. */
import { byId, setText } from "../dom.js";
import { isActive } from "../state.js";

export class Turn {
  #queue;
  #mustWait = false;
  #isSending = false;

  /** `check()` asks the service whether a start has to wait, when something has happened that may change it. */
  constructor(queue, check) {
    this.#queue = queue;
    this.check = check;
    this.#render();
  }

  changed(state, before) {
    if (state.queue !== before.queue) {
      this.#queue = state.queue;
      this.#render();
    }
    const isKnown = before.queue !== null && before.system !== null;
    if (state.view.name === "start" && isKnown && roomOf(state) !== roomOf(before)) this.check();
  }

  /** Take in what a check says of a start that does not wait. */
  setObstacles(obstacles) {
    this.#mustWait = obstacles.some(({ code }) => code === 409);
    this.#render();
  }

  setSending(isSending) {
    this.#isSending = isSending;
    this.#render();
  }

  /** The fields of the request. An empty field is left out. */
  request() {
    const fields = ["gpus", "priority"].map((name) => [name, byId(name).value]);
    return Object.fromEntries(fields.filter(([, text]) => text !== "").map(([name, text]) => [name, Number(text)]));
  }

  /** Whether the request may wait. A run that can start now need not, but another run may be quicker. */
  get mayWait() {
    return this.#mustWait || !this.#queue?.paused; // In a paused queue it would wait although it need not.
  }

  #render() {
    const { executor = "local", num_gpus = null, num_runs = 0, paused = false, pausable = true } = this.#queue ?? {};
    const isLocal = executor === "local";
    byId("gpus-field").hidden = isLocal && !(num_gpus > 1);
    byId("priority-field").hidden = !pausable || !this.#mustWait;
    byId("start-wait").hidden = !this.#mustWait;
    setText(byId("start-wait"), paused ? WAITS_FOR_RESUME : num_runs > 0 ? WAITS_BEHIND_OTHERS : WAITS_FOR_ROOM);
    const [still, sending] = this.#mustWait ? ["Add to queue", "Adding\u2026"] : ["Start now", "Starting\u2026"];
    setText(byId("start-button"), this.#isSending ? sending : pausable ? still : "Start");
  }
}

const WAITS_FOR_RESUME = "The queue is paused. This run waits until the queue is resumed.";
const WAITS_BEHIND_OTHERS = "Other runs are queued. This run starts by itself after them.";
const WAITS_FOR_ROOM = "No other run can start now. This run waits in the queue and starts by itself.";

/** What decides whether a start has to wait. */
const roomOf = ({ queue, run, system }) =>
  JSON.stringify([queue?.paused, queue?.num_runs, isActive(run), system?.runs.map(({ run_id }) => run_id)]);
