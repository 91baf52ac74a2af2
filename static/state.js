/** What the page knows, and the one function that changes it: reduce(state, action) -> state. No effects, no DOM. */

import { runName } from "./format.js";
import { append, NO_METRICS, truncate } from "./metrics.js";
import { FEW, MANY, MORE, moved } from "./queue.js";
import { NO_RUN_USAGE, withAnswer, withSystem } from "./runusage.js";
import { NOTHING_UNREAD, unreadOf } from "./unread.js";
import { longer, NO_USAGE, withSample } from "./usage.js";

const ACTIVE = new Set(["starting", "running", "stopping"]);

/** The end of a log: consecutive `chunks` [{offset, next_offset, text}] up to `nextOffset`. A new log is a new generation. */
const NO_LOG = Object.freeze({ generation: 0, nextOffset: 0, chunks: [] });
const MAX_LOG_CHARS = 512 * 1024;
const NO_RUN = Object.freeze({
  run: null,
  progress: null,
  metrics: NO_METRICS,
  unread: NOTHING_UNREAD,
  attempt: null,
  log: NO_LOG,
  detail: null,
  /** What the run uses over its whole time; see runusage.js. */
  runUsage: NO_RUN_USAGE,
});
const IDLE_REQUEST = Object.freeze({ isBusy: false, problem: null });

export const INITIAL = Object.freeze({
  ...NO_RUN,
  /** What the address shows; see router.js. */
  view: Object.freeze({ name: "now", runId: null, query: {} }),
  /** Why the run in the address cannot be shown. */
  missing: null,
  /** The active runs as the service last listed them, the one that started last first. */
  active: [],
  /** Whether the service has answered at least once. */
  isLoaded: false,
  /** What the token allows: "full", or "read" to see everything and change nothing. */
  access: "full",
  /** status: connecting, live, offline or refused. */
  connection: Object.freeze({ status: "connecting", message: null, since: null }),
  system: null,
  /** The machine's usage over the last ten minutes; see usage.js. */
  usage: NO_USAGE,
  /** The first runs of the queue, as GET /training/queue lists them; null until then. */
  queue: null,
  /** How many queued runs the view shows at most. */
  queueLimit: FEW,
  /** What the person's last change of the queue has done. */
  queueMessage: null,
  start: IDLE_REQUEST,
  stop: IDLE_REQUEST,
  notice: null,
});

/** Whether a run's program is another one than our own trainer. Only that program knows what a stop makes it do. */
export const isOfCommand = (run) => run?.on_stop?.saves === null;

export const isQueued = (run) => run?.state === "queued";

/** Whether a run is over. A queued one has not even begun. */
export const hasEnded = (run) => run !== null && !isActive(run) && !isQueued(run);

export const isLost = ({ status }) => status === "offline" || status === "refused";

export const isActive = (run) => run !== null && ACTIVE.has(run.state);

/** The run that a view follows; null for the active run and each next one. */
export const followed = (view) => (view.name === "run" ? view.runId : null);

export function reduce(state, action) {
  const change = CHANGES[action.type];
  if (change === undefined) throw new Error(`There is no action ${action.type}.`);
  return { ...state, ...change(state, action) };
}

const CHANGES = {
  navigated: (state, { view }) => ({
    view,
    start: IDLE_REQUEST,
    stop: IDLE_REQUEST,
    notice: null,
    queueMessage: null,
    ...shortened(state.queue, view.name === "now" ? FEW : MANY),
    ...(keepsRun(state, view) ? {} : { ...withoutRun(state), isLoaded: false }),
  }),
  missing: (state, { message }) => ({ ...withoutRun(state), isLoaded: true, missing: message }),
  active: (state, { active }) => ({ active: changed(state.active, active) }),
  access: (_, { access }) => ({ access }),
  connection: ({ connection, notice }, { status, message = null, at = null }) => ({
    connection: { status, message, since: at },
    notice: status === "live" && isLost(connection) ? null : notice, // The page asks again for what failed meanwhile.
  }),
  caughtUp: (state, { answer }) => ({
    isLoaded: true,
    missing: null,
    ...(answer.run === null ? NO_RUN : caughtUp(state, answer)),
  }),
  run: (state, { run }) => ({ isLoaded: true, ...withRun(state, run) }),
  progress: (_, { progress }) => ({ progress }),
  metrics: (state, event) => ({
    attempt: event.attempt,
    metrics: append(state.metrics, event.columns, event.rows, event.non_finite, event.directions),
    unread: changed(state.unread, unreadOf(event)),
  }),
  log: (state, { offset, next_offset, text }) => ({ log: withChunk(state.log, { offset, next_offset, text }) }),
  system: (state, { system }) => ({
    system,
    usage: withSample(state.usage, system),
    runUsage: withSystem(state.runUsage, system, state.run?.run_id),
  }),
  runUsage: (state, { answer }) =>
    answer.run_id === state.run?.run_id ? { runUsage: withAnswer(state.runUsage, answer) } : {},
  usage: (state, { usage }) => ({ usage: longer(usage, state.usage) }),
  detail: ({ run, detail: before }, { detail }) =>
    detail.run_id === run?.run_id ? { detail: changed(before, detail), run: withNotes(run, detail) } : {},
  /** What somebody has written about a run, as the service answers to the change. */
  notes: ({ run }, { notes }) => (run?.run_id === notes.run_id ? { run: withNotes(run, notes) } : {}),
  /** `of` is start or stop. */
  requested: (_, { of }) => ({ [of]: { isBusy: true, problem: null } }),
  granted: (_, { of }) => ({ [of]: IDLE_REQUEST }),
  denied: (_, { of, problem }) => ({ [of]: { isBusy: false, problem } }),
  notice: (_, { text }) => ({ notice: text }),
  queue: (state, { queue }) => ({ queue: changed(state.queue, queue) }),
  queueMoved: ({ queue, queueLimit }, { runId, position }) => {
    const run = queue.runs.find(({ run_id }) => run_id === runId);
    if (run === undefined) return {}; // It has just left.
    return {
      queue: moved(queue, runId, position),
      queueLimit: position === queueLimit + 1 ? queueLimit + MORE : queueLimit,
      queueMessage: `${runName(run)} is now at position ${position} of ${queue.num_runs}.`,
    };
  },
  queueMessage: (_, { text }) => ({ queueMessage: text }),
  moreQueued: ({ queueLimit }) => ({ queueLimit: queueLimit + MORE }),
};

/** The old value if the new one equals it, so that no view draws it again. */
const changed = (before, now) => (JSON.stringify(before) === JSON.stringify(now) ? before : now);

const withNotes = (run, { title, note, tags }) => changed(run, { ...run, title, note, tags });

const shortened = (queue, queueLimit) => ({
  queueLimit,
  queue: queue && { ...queue, runs: queue.runs.slice(0, queueLimit) },
});

/** Whether a view continues to show the run of the former one. */
function keepsRun(state, view) {
  const runId = followed(view);
  return runId === followed(state.view) || (runId === null ? isActive(state.run) : runId === state.run?.run_id);
}

function withoutRun(state) {
  return { ...NO_RUN, log: { ...NO_LOG, generation: state.log.generation + 1 }, missing: null };
}

/** Complete what we have by an acknowledgement. Its `from_row` and the log's offset say where it continues. */
function caughtUp(state, answer) {
  const { run, progress, columns, from_row, rows, non_finite, directions, attempt, log } = answer;
  const ofRun = withRun(state, run);
  const ours = { ...state, ...ofRun };
  const isContinued = ours.log.nextOffset === log.offset && ours.log.nextOffset > 0;
  return {
    ...ofRun,
    progress,
    attempt,
    metrics: append(truncate(ours.metrics, from_row), columns, rows, non_finite, directions),
    unread: changed(ours.unread, unreadOf(answer)),
    log: withChunk(isContinued ? ours.log : { ...NO_LOG, generation: state.log.generation + 1 }, log),
  };
}

/** Take in a run's snapshot. If it is another run, nothing of the former one stays. */
function withRun(state, run) {
  if (state.run?.run_id === run.run_id) return { run };
  return { ...withoutRun(state), run, start: IDLE_REQUEST, stop: IDLE_REQUEST };
}

/** Add a chunk, and drop the oldest ones when there are too many. */
function withChunk(log, chunk) {
  if (chunk.text === "" && chunk.next_offset === log.nextOffset) return log;
  const chunks = [...log.chunks, chunk];
  let chars = chunks.reduce((sum, { text }) => sum + text.length, 0);
  while (chars > MAX_LOG_CHARS && chunks.length > 1) chars -= chunks.shift().text.length;
  return { ...log, nextOffset: chunk.next_offset, chunks };
}
