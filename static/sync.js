/**
 * Keep the state equal to the run's files over any connection: say what we have, take what is missing, and notice gaps.
 *
 * Our position is the number of rows and the byte offset in the log; both are in the state. One subscription is under way
 * at a time. Events that arrive meanwhile wait, because they may overtake the answer that they continue.
 */
import { hasEnded, isQueued } from "./state.js";

/** A longer gap in the log is not filled: the page shows the end of the log. */
const MAX_LOG_GAP_BYTES = 256 * 1024;
const RETRY_AFTER_MS = 1000;

export class Sync {
  #getState;
  #dispatch;
  #send;
  #isConnected = false;
  #runId = null;
  #pending = null;
  #waiting = [];

  /** `send(request, answered)` subscribes and calls `answered(answer)`, with null if no answer came in time. */
  constructor({ getState, dispatch, send }) {
    this.#getState = getState;
    this.#dispatch = dispatch;
    this.#send = send;
  }

  /** Follow one run, or with null the active run and each next one. */
  follow(runId) {
    if (runId === this.#runId) return;
    this.#runId = runId;
    this.#waiting = [];
    if (this.#isConnected) this.#ask();
  }

  /** Ask for everything again, because the run that we show is gone. */
  restart() {
    if (this.#isConnected) this.#ask({ fromStart: true });
  }

  connected() {
    this.#isConnected = true;
    this.#ask();
  }

  disconnected() {
    this.#isConnected = false;
    this.#pending = null;
    this.#waiting = [];
  }

  receive(name, event) {
    if (this.#pending !== null) this.#waiting.push([name, event]);
    else this.#applyOrAsk(name, event);
  }

  #applyOrAsk(name, event) {
    const isApplied = this.#apply(name, event);
    if (!isApplied) this.#ask({ skipLog: this.#isFarAhead(name, event) });
    return isApplied;
  }

  #ask({ fromStart = false, skipLog = false } = {}) {
    const { run, metrics, attempt, log } = this.#getState();
    const hasNothing = fromStart || run === null;
    const request = {
      run_id: this.#runId,
      row: hasNothing ? 0 : metrics.count,
      attempt: hasNothing ? null : attempt,
      log_offset: hasNothing || skipLog ? null : log.nextOffset,
    };
    this.#pending = request;
    this.#send(request, (answer) => {
      if (this.#pending === request) this.#answered(request, answer);
    });
  }

  #answered(request, answer) {
    if (answer === null) {
      this.#ask();
    } else if (answer.code === 404) {
      this.#pending = null;
      this.#waiting = [];
      this.#dispatch({ type: "missing", message: answer.message });
    } else if (answer.code !== undefined) {
      this.#dispatch({ type: "notice", text: answer.message });
      setTimeout(() => this.#pending === request && this.#ask(), RETRY_AFTER_MS);
    } else if (this.#isOfAnotherRun(answer.run) && (request.row > 0 || request.log_offset !== null)) {
      this.#ask({ fromStart: true }); // The position in our request was that of another run.
    } else {
      this.#dispatch({ type: "caughtUp", answer });
      this.#pending = null;
      this.#applyWaiting();
    }
  }

  /** Apply the events that came during the subscription, except those that the answer includes. */
  #applyWaiting() {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.some(([name, event]) => name === "run" && this.#isOfAnotherRun(event))) {
      this.#ask(); // The run changed at about the time of the answer: ask which one it is.
      return;
    }
    for (const [name, event] of waiting) {
      if (!this.#isKnown(name, event) && !this.#applyOrAsk(name, event)) return;
    }
  }

  #isKnown(name, event) {
    const { run, metrics, log } = this.#getState();
    if (name === "progress") return hasEnded(run); // The answer knew that the run has ended.
    if (name === "run") return (hasEnded(run) && !hasEnded(event)) || (!isQueued(run) && isQueued(event));
    if (name === "metrics") return this.#isOfAttempt(event) && event.from_row + event.rows.length <= metrics.count;
    if (name === "log") return event.next_offset <= log.nextOffset;
    return false;
  }

  /** Apply an event; false if something is missing before it. */
  #apply(name, event) {
    if (name === "system") this.#dispatch({ type: "system", system: event });
    else if (name === "run") this.#applyRun(event);
    else if (this.#isOfAnotherRun(event)) return this.#runId !== null || (name !== "metrics" && name !== "log");
    else if (name === "progress") this.#dispatch({ type: "progress", progress: event });
    else if (name === "metrics" && !(this.#isOfAttempt(event) && event.from_row === this.#getState().metrics.count))
      return false;
    else if (name === "log" && event.offset !== this.#getState().log.nextOffset) return false;
    else this.#dispatch({ ...event, type: name });
    return true;
  }

  #applyRun(run) {
    if (this.#runId === null || this.#runId === run.run_id) this.#dispatch({ type: "run", run });
  }

  /** Whether an event's rows continue ours. They do not if the metrics file was begun again. */
  #isOfAttempt(event) {
    const { metrics, attempt } = this.#getState();
    return metrics.count === 0 || event.attempt === attempt;
  }

  #isOfAnotherRun(other) {
    return other?.run_id !== this.#getState().run?.run_id;
  }

  #isFarAhead(name, event) {
    return name === "log" && event.offset - this.#getState().log.nextOffset > MAX_LOG_GAP_BYTES;
  }
}
