/**
 * Follow a run live, and print what it logged as JSON when it ends: `node follow.mjs URL [RUN_ID]`.
 *
 * Copy it into your own program. It needs only socket.io-client. No data is lost or duplicated when the connection
 * breaks: each subscription says what the client has, and the service sends the rest.
 */
import { io } from "../../static/vendor/socket.io-client-4.8.4.esm.min.js"; // In your program: "socket.io-client".

const FINAL_STATES = ["completed", "stopped", "failed", "interrupted", "unknown"];

/**
 * A client of one run. It calls `onChange(follower)` after each change of `run`, `rows` (by column name), `epochs` (a
 * Map by number) and `log`.
 */
export class Follower {
  run = null;
  error = null;
  /** Whether the run has ended and all its data has arrived, or an error has occurred. */
  isOver = false;
  #requestedRunId;
  #onChange;
  #socket;
  #attempt;
  #logOffset;
  /** Events that arrived while a subscription is in flight. Its answer may contain them already. */
  #waiting = null;

  constructor(url, runId = null, { token = null, onChange = () => {} } = {}) {
    [this.#requestedRunId, this.#onChange] = [runId, onChange];
    this.#forget();
    this.#socket = io(new URL("/training", url).href, { transports: ["websocket"], auth: { token } });
    this.#socket.on("connect", () => this.#subscribe());
    for (const name of ["run", "epoch", "metrics", "log"]) this.#socket.on(name, (event) => this.#receive(name, event));
  }

  close() {
    this.#socket.disconnect();
  }

  #forget() {
    [this.rows, this.epochs, this.log] = [[], new Map(), ""];
    [this.#attempt, this.#logOffset] = [null, null];
  }

  #subscribe() {
    this.#waiting = [];
    const has = { row: this.rows.length, attempt: this.#attempt, log_offset: this.#logOffset };
    this.#socket.emit("subscribe", { run_id: this.#requestedRunId, ...has }, (answer) => this.#takeAnswer(answer));
  }

  #takeAnswer(answer) {
    if (answer.code !== undefined) {
      [this.error, this.isOver] = [answer.message, true];
      return this.#onChange(this);
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    if (answer.run === null || this.#turnTo(answer.run)) return;
    if (answer.from_row === 0) this.epochs = new Map(); // The program has restarted its file, or this is the first chunk.
    this.#takeRows(answer);
    for (const { epoch, metrics } of answer.epochs) this.epochs.set(epoch, metrics);
    this.#takeLog(answer.log);
    const isComplete = this.rows.length >= answer.num_rows && this.#logOffset >= answer.log.end;
    // If data is missing but the answer is empty, the program is rewriting the file. An event will follow.
    if (!isComplete && (answer.rows.length || answer.log.text)) this.#subscribe();
    for (const [name, event] of waiting) if (!this.#isKnown(name, event)) this.#receive(name, event);
    this.isOver = isComplete && this.#waiting === null && FINAL_STATES.includes(this.run.state);
    this.#onChange(this);
  }

  #receive(name, event) {
    if (this.#waiting !== null) {
      this.#waiting.push([name, event]);
      return;
    }
    if (name === "run") {
      const isOther = [null, event.run_id].includes(this.#requestedRunId) && this.#turnTo(event);
      if (!isOther && FINAL_STATES.includes(event.state)) this.#subscribe(); // The answer shows what is missing.
    } else if (this.run?.run_id !== event.run_id) {
      return;
    } else if (name === "epoch") this.epochs.set(event.epoch, event.metrics);
    else if (name === "metrics" && event.from_row === this.rows.length) this.#takeRows(event);
    else if (name === "log" && event.offset === this.#logOffset) this.#takeLog(event);
    else this.#subscribe(); // This event is not the next one.
    this.#onChange(this);
  }

  /** Take the run's state. If this is another run, forget the previous one, subscribe and return true. */
  #turnTo(run) {
    const isOther = this.run !== null && this.run.run_id !== run.run_id;
    this.run = run;
    if (isOther) {
      this.#forget();
      this.#subscribe();
    }
    return isOther;
  }

  /** Whether the subscription's answer already contains this event, which arrived before the answer. */
  #isKnown(name, event) {
    if (name === "metrics")
      return event.attempt === this.#attempt && event.from_row + event.rows.length <= this.rows.length;
    if (name === "epoch") return event.num_rows <= this.rows.length;
    return name === "log" && event.next_offset <= this.#logOffset;
  }

  #takeRows({ columns, from_row, rows, attempt }) {
    this.rows.length = from_row;
    for (const row of rows) this.rows.push(Object.fromEntries(columns.map((name, i) => [name, row[i]])));
    this.#attempt = attempt;
  }

  #takeLog({ offset, next_offset, text }) {
    this.log = offset === this.#logOffset ? this.log + text : text;
    this.#logOffset = next_offset;
  }
}

const [url, runId] = process.argv.slice(2);
new Follower(url, runId ?? null, {
  token: process.env.TRAINING_API_TOKEN ?? null,
  onChange(follower) {
    if (!follower.isOver) return;
    follower.close();
    if (follower.error !== null) console.error(follower.error);
    const { run, rows, epochs, log } = follower;
    process.stdout.write(JSON.stringify({ run, rows, epochs: Object.fromEntries(epochs), log }));
    process.exitCode = follower.error === null ? 0 : 1;
  },
});
