/** The queue as the page knows it, and what changes it. No DOM. */
/** How many queued runs a view shows at first, and how many more at a time. */
export const FEW = 5;
export const MANY = 20;
export const MORE = 50;

/** Whether the page has something to say about the queue. The list of runs shows an empty queue too. */
export const isQueueShown = ({ queue, queueMessage, view }) =>
  queue !== null && (view.name === "runs" || queue.num_runs > 0 || queue.paused || queueMessage !== null);

/** Whether a person may choose the run's place: it can start, and no cluster decides when. */
export const isMovable = ({ position }) => position !== null;

/** The number of runs that have a position. They come first. */
const numPlaced = ({ num_runs, runs }) => num_runs - runs.filter((run) => !isMovable(run)).length;

/** The position by which a run moves: first, up, down or last. Undefined for any other move. */
export function target(queue, { position }, move) {
  const last = numPlaced(queue);
  const wanted = { first: 1, up: position - 1, down: position + 1, last }[move];
  return wanted === undefined ? undefined : Math.min(last, Math.max(1, wanted));
}

/** The queue after a move of one of its runs. Its reasons are those of before until the service answers. */
export function moved(queue, runId, position) {
  const run = queue.runs.find(({ run_id }) => run_id === runId);
  const others = queue.runs.filter((each) => each !== run);
  const runs = [...others.slice(0, position - 1), run, ...others.slice(position - 1)];
  const place = (each, i) => (each === run ? position : i + 1);
  return { ...queue, runs: runs.map((each, i) => (isMovable(each) ? { ...each, position: place(each, i) } : each)) };
}

/** The position of a run that is dropped at a height, from the middles of all rows. `from` is the index of its own. */
export const dropPosition = (middles, from, y) => middles.filter((middle, i) => i !== from && middle < y).length + 1;

/** Sends one change at a time to the service, while the page already shows all of them. */
export class QueueControl {
  #api;
  #getState;
  #dispatch;
  #refused;
  /** Moves that are not sent yet: [{runId, position}]. */
  #moves = [];
  #isStale = false;
  #isBusy = false;

  /** `refused(problem)` is called when the service refuses a change. */
  constructor({ api, getState, dispatch, refused }) {
    this.#api = api;
    this.#getState = getState;
    this.#dispatch = dispatch;
    this.#refused = refused;
  }

  /** Ask for the queue, once however often this is called meanwhile. */
  load() {
    this.#isStale = true;
    return this.#work();
  }

  move(runId, position) {
    this.#dispatch({ type: "queueMoved", runId, position });
    const last = this.#moves.at(-1);
    if (last?.runId === runId) last.position = position;
    else this.#moves.push({ runId, position });
    return this.#work();
  }

  async setPaused(isPaused) {
    await this.#send(() => this.#api.post(this.#path(isPaused ? "/pause" : "/resume")));
  }

  async #work() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      while (this.#moves.length > 0 || this.#isStale) await this.#step();
    } finally {
      this.#isBusy = false;
    }
  }

  #step() {
    const move = this.#moves.shift();
    if (move !== undefined) {
      const path = this.#path(`/${encodeURIComponent(move.runId)}`);
      return this.#send(() => this.#api.patch(path, { position: move.position }));
    }
    this.#isStale = false;
    return this.#send(() => this.#api.get(this.#path()), true);
  }

  /** Show the answer, unless the person has changed more meanwhile. After a refusal, ask what is true. */
  async #send(request, isQuestion = false) {
    try {
      const queue = await request();
      if (this.#moves.length === 0) this.#dispatch({ type: "queue", queue });
    } catch (error) {
      if (error.problem === undefined) throw error;
      if (isQuestion) return; // The page asks again when the connection is back.
      this.#dispatch({ type: "queueMessage", text: null }); // It said that the run has moved.
      this.#refused(error.problem);
      this.load();
    }
  }

  #path = (rest = "") => `training/queue${rest}?limit=${this.#getState().queueLimit}`;
}
