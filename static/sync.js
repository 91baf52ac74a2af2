/**
 * Keep the state equal to the run's files over any connection: say what we have, take what is missing, and notice a gap.
 *
 * The position is the number of rows and the log's byte offset, both in the state. One subscription is in flight at a
 * time; events that arrive meanwhile wait, because they may come before the answer that they continue.
 */
import { isActive } from "./state.js";

/** A longer gap in the log is not filled: its end is shown. */
const MAX_LOG_GAP_BYTES = 256 * 1024;
const RETRY_AFTER_MS = 1000;

export class Sync {
  #getState;
  #dispatch;
  #send;
  #isConnected = false;
  #runId = null;
  #asked = null;
  #waiting = [];

  /** `send(request, answered)` subscribes and calls `answered(answer)`, with null when none came in time. */
  constructor({ getState, dispatch, send }) {
    this.#getState = getState;
    this.#dispatch = dispatch;
    this.#send = send;
  }

  /** Follow one run, or with null whatever runs now and next. */
  follow(runId) {
    if (runId === this.#runId) return;
    this.#runId = runId;
    this.#waiting = [];
    if (this.#isConnected) this.#ask();
  }

  /** Ask anew from the beginning: what we show is no longer there. */
  restart() {
    if (this.#isConnected) this.#ask({ isAnew: true });
  }

  connected() {
    this.#isConnected = true;
    this.#ask();
  }

  disconnected() {
    this.#isConnected = false;
    this.#asked = null;
    this.#waiting = [];
  }

  receive(name, event) {
    if (this.#asked !== null) this.#waiting.push([name, event]);
    else this.#applyOrAsk(name, event);
  }

  #applyOrAsk(name, event) {
    const isApplied = this.#apply(name, event);
    if (!isApplied) this.#ask({ isLogLeftOut: this.#isFarAhead(name, event) });
    return isApplied;
  }

  #ask({ isAnew = false, isLogLeftOut = false } = {}) {
    const { run, metrics, attempt, log } = this.#getState();
    const hasNothing = isAnew || run === null;
    const asked = {
      run_id: this.#runId,
      row: hasNothing ? 0 : metrics.count,
      attempt: hasNothing ? null : attempt,
      log_offset: hasNothing || isLogLeftOut ? null : log.nextOffset,
    };
    this.#asked = asked;
    this.#send(asked, (answer) => {
      if (this.#asked === asked) this.#answered(asked, answer);
    });
  }

  #answered(asked, answer) {
    if (answer === null) {
      this.#ask();
    } else if (answer.code === 404) {
      this.#asked = null;
      this.#waiting = [];
      this.#dispatch({ type: "missing", message: answer.message });
    } else if (answer.code !== undefined) {
      this.#dispatch({ type: "notice", text: answer.message });
      setTimeout(() => this.#asked === asked && this.#ask(), RETRY_AFTER_MS);
    } else if (this.#isOfAnother(answer.run) && (asked.row > 0 || asked.log_offset !== null)) {
      this.#ask({ isAnew: true }); // What we said that we have was of another run.
    } else {
      this.#dispatch({ type: "caughtUp", answer });
      this.#asked = null;
      this.#applyWaiting();
    }
  }

  /** Apply what came during the subscription; some of it was told by the answer already. */
  #applyWaiting() {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.some(([name, event]) => name === "run" && this.#isOfAnother(event))) {
      this.#ask(); // The run changed about when we were answered: ask who is right.
      return;
    }
    for (const [name, event] of waiting) {
      if (!this.#isKnown(name, event) && !this.#applyOrAsk(name, event)) return;
    }
  }

  #isKnown(name, event) {
    const { run, metrics, log } = this.#getState();
    if (name === "run") return !isActive(run) && isActive(event); // The answer knew the end; nothing comes after it.
    if (name === "metrics") return this.#isOfAttempt(event) && event.from_row + event.rows.length <= metrics.count;
    if (name === "log") return event.next_offset <= log.nextOffset;
    return false;
  }

  /** Take an event in; false when something is missing before it. */
  #apply(name, event) {
    if (name === "system") this.#dispatch({ type: "system", system: event });
    else if (name === "run") this.#applyRun(event);
    else if (this.#isOfAnother(event)) return this.#runId !== null || (name !== "metrics" && name !== "log");
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

  /** Whether rows go on with ours; not when the metrics file was begun anew. */
  #isOfAttempt(event) {
    const { metrics, attempt } = this.#getState();
    return metrics.count === 0 || event.attempt === attempt;
  }

  #isOfAnother(ofRun) {
    return ofRun?.run_id !== this.#getState().run?.run_id;
  }

  #isFarAhead(name, event) {
    return name === "log" && event.offset - this.#getState().log.nextOffset > MAX_LOG_GAP_BYTES;
  }
}
