/** What the page knows, and the one function that changes it: reduce(state, action) -> state. No effects, no DOM. */
import { before, NO_LOAD, withSample } from "./load.js";
import { append, NO_METRICS, truncate } from "./metrics.js";
import { NOTHING_UNREAD, unreadOf } from "./unread.js";

const ACTIVE = new Set(["starting", "running", "stopping"]);

/** A log's end: `pieces` [{offset, next_offset, text}] go on one after the other, the last to `nextOffset`. */
const NO_LOG = Object.freeze({ generation: 0, nextOffset: 0, pieces: [] });
const MAX_LOG_CHARS = 512 * 1024;
const NO_RUN = Object.freeze({
  run: null,
  progress: null,
  metrics: NO_METRICS,
  unread: NOTHING_UNREAD,
  attempt: null,
  log: NO_LOG,
  detail: null,
});
const IDLE_REQUEST = Object.freeze({ isBusy: false, problem: null });

export const INITIAL = Object.freeze({
  ...NO_RUN,
  /** What the address shows; see router.js. */
  view: Object.freeze({ name: "now", runId: null, query: {} }),
  /** Why the run that the address names cannot be shown. */
  missing: null,
  /** The active run while the page shows another one: {run_id, config_name, state, progress}. */
  active: null,
  /** Whether the service has told what it knows at least once. */
  isLoaded: false,
  /** status: connecting, live, offline or refused. */
  connection: Object.freeze({ status: "connecting", message: null, since: null }),
  system: null,
  /** The machine's load over the last ten minutes, see load.js. */
  load: NO_LOAD,
  /** null: not listed yet. */
  models: null,
  start: IDLE_REQUEST,
  stop: IDLE_REQUEST,
  notice: null,
});

export const isActiveState = (name) => ACTIVE.has(name);

export const isLost = ({ status }) => status === "offline" || status === "refused";

export const isActive = (run) => run !== null && isActiveState(run.state);

/** The run that a view follows; null: whatever runs, now and next. */
export const followed = (view) => (view.name === "run" ? view.runId : null);

export function reduce(state, action) {
  const change = CHANGES[action.type];
  if (change === undefined) throw new Error(`There is no action ${action.type}.`);
  return { ...state, ...change(state, action) };
}

const CHANGES = {
  went: (state, { view }) => ({
    view,
    start: IDLE_REQUEST,
    stop: IDLE_REQUEST,
    notice: null,
    ...leftBehind(state, view),
  }),
  missing: (state, { message }) => ({ ...cleared(state), isLoaded: true, missing: message }),
  active: (_, { active }) => ({ active }),
  connection: ({ connection, notice }, { status, message = null, at = null }) => ({
    connection: { status, message, since: at },
    notice: status === "live" && isLost(connection) ? null : notice, // What could not be had meanwhile is asked for anew.
  }),
  caughtUp: (state, { answer }) => ({
    isLoaded: true,
    missing: null,
    ...(answer.run === null ? NO_RUN : caughtUp(state, answer)),
  }),
  run: (state, { run }) => ({ isLoaded: true, ...turnedTo(state, run) }),
  progress: (_, { progress }) => ({ progress }),
  metrics: (state, event) => ({
    attempt: event.attempt,
    metrics: append(state.metrics, event.columns, event.rows, event.non_finite, event.directions),
    unread: asBefore(state.unread, unreadOf(event)),
  }),
  log: (state, { offset, next_offset, text }) => ({ log: continued(state.log, { offset, next_offset, text }) }),
  system: (state, { system }) => ({ system, load: withSample(state.load, system) }),
  load: (state, { load }) => ({ load: before(load, state.load) }),
  described: (state, { detail }) =>
    detail.run_id === state.run?.run_id ? { detail: asBefore(state.detail, detail) } : {},
  models: (state, { models }) => ({ models: asBefore(state.models, models) }),
  /** `of` is start or stop. */
  requested: (_, { of }) => ({ [of]: { isBusy: true, problem: null } }),
  granted: (_, { of }) => ({ [of]: IDLE_REQUEST }),
  denied: (_, { of, problem }) => ({ [of]: { isBusy: false, problem } }),
  notice: (_, { text }) => ({ notice: text }),
};

/** What was there if it is the same: views need not draw it again. */
const asBefore = (before, now) => (JSON.stringify(before) === JSON.stringify(now) ? before : now);

/** Whose view follows another run shows nothing of the former one; the same run goes on where it was. */
function leftBehind(state, view) {
  const runId = followed(view);
  if (runId === followed(state.view) || (runId === null ? isActive(state.run) : runId === state.run?.run_id)) return {};
  return { ...cleared(state), isLoaded: false };
}

function cleared(state) {
  return { ...NO_RUN, log: { ...NO_LOG, generation: state.log.generation + 1 }, missing: null };
}

/** Complete what we have by an acknowledgement; `from_row` and the log's offset say where it goes on. */
function caughtUp(state, answer) {
  const { run, progress, columns, from_row, rows, non_finite, directions, attempt, log } = answer;
  const turned = turnedTo(state, run);
  const ours = { ...state, ...turned };
  const goesOn = ours.log.nextOffset === log.offset && ours.log.nextOffset > 0;
  return {
    ...turned,
    progress,
    attempt,
    metrics: append(truncate(ours.metrics, from_row), columns, rows, non_finite, directions),
    unread: asBefore(ours.unread, unreadOf(answer)),
    log: goesOn ? continued(ours.log, log) : begun(state.log.generation + 1, log),
  };
}

/** The run changed its state, or it is another run: then nothing of the former one stays. */
function turnedTo(state, run) {
  if (state.run?.run_id === run.run_id) return { run };
  return { ...cleared(state), run, start: IDLE_REQUEST, stop: IDLE_REQUEST };
}

function begun(generation, piece) {
  return continued({ ...NO_LOG, generation }, piece);
}

/** The newest pieces are kept, of the older ones as many as there is room for. */
function continued(log, piece) {
  if (piece.text === "" && piece.next_offset === log.nextOffset) return log;
  const pieces = [...log.pieces, piece];
  let chars = pieces.reduce((sum, { text }) => sum + text.length, 0);
  while (chars > MAX_LOG_CHARS && pieces.length > 1) chars -= pieces.shift().text.length;
  return { ...log, nextOffset: piece.next_offset, pieces };
}
