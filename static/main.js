/** Wire the page: store, REST, views, and last the socket. */
import { createAccess, enterToken } from "./access.js";
import { createApi, pathOfRunInRest } from "./api.js";
import { createCancelling } from "./cancelling.js";
import { createDeletion } from "./deletion.js";
import { createDetails } from "./details.js";
import { byId } from "./dom.js";
import { followDownload } from "./download.js";
import { createDrawing } from "./drawing.js";
import { followLive } from "./live.js";
import { createNotifications } from "./notification.js";
import { onDemand } from "./ondemand.js";
import { createOwnViews } from "./ownviews.js";
import { isQueueShown, QueueControl } from "./queue.js";
import { createRouter, viewOf } from "./router.js";
import { createRunning } from "./running.js";
import { MANY_ROWS } from "./runusage.js";
import { followed, INITIAL, isActive, isLost, isQueued, reduce } from "./state.js";
import { createStore } from "./store.js";
import { readToken } from "./token.js";
import { renderActive } from "./views/active.js";
import { createChartsView } from "./views/charts.js";
import { renderConnection } from "./views/connection.js";
import { stopAsking } from "./views/dialogs.js";
import { renderEpochs } from "./views/epochs.js";
import { renderFrame } from "./views/frame.js";
import { createLogView } from "./views/log.js";
import { createNotesView } from "./views/notes.js";
import { renderDuration, renderNow } from "./views/now.js";
import { renderSystem } from "./views/system.js";
import { renderTab } from "./views/tab.js";

const DURATION_EVERY_MS = 1000;
const ACTIVE_EVERY_MS = 5000;
const REFRESH_EVERY_MS = 15_000;

const { getState, dispatch, listen } = createStore(reduce, INITIAL);
const api = createApi({ readToken, ask: enterToken });

/** Do what the service may refuse, and pass its problem to `refused`. Resolves with whether it was done. */
async function attempt(action, refused) {
  try {
    await action();
    return true;
  } catch (error) {
    if (error.problem === undefined) throw error;
    refused(error.problem);
    return false;
  }
}

const notify = (problem) => dispatch({ type: "notice", text: problem.message });
const ignore = () => {};

const queue = new QueueControl({ api, getState, dispatch, refused: notify });
const cancelling = createCancelling({ api, getState, dispatch, refused: notify, cancelled: () => queue.load() });

const running = createRunning({ api, getState, dispatch, started: () => go("./") });

const deleteRun = createDeletion({
  api,
  getState,
  attempt: (action) => attempt(action, notify),
  deleted(run, isInTrash) {
    go("runs");
    if (isInTrash) attempt(async () => (await ownViews.get("runs")).offerUndo(run), notify);
  },
});

/** Without a token the browser saves the file itself, however large it is. It would not say why the service refuses. */
const download = (path) =>
  attempt(async () => {
    if (readToken() !== null) return api.download(path);
    await api.check(path);
    followDownload(path);
  }, notify);
const downloadModel = (runId) => download(`training/models/${encodeURIComponent(runId)}/download`);

const csv = onDemand(() => import("./charts/csv.js"));
const save = (runs) => attempt(async () => (await csv.get()).saveCsv(api.get, runs), notify);

const ownViews = createOwnViews({
  api,
  getState,
  attempt: (action) => attempt(action, notify),
  go: (path) => go(path),
  save,
  needsToken: () => readToken() !== null,
  async startRun(request) {
    await running.start(request);
    return getState().start.problem;
  },
});

const details = createDetails({
  api,
  getState,
  dispatch,
  refused: notify,
  deleted: (runId) => runId === getState().run?.run_id && sync.restart(),
});

async function loadUsage() {
  await attempt(async () => dispatch({ type: "usage", usage: await api.get("training/system") }), ignore);
}

/** Whether the page shows a run of which the service has recorded the usage. */
const hasUsage = ({ view, run, detail }) =>
  view.name === "run" && run !== null && detail?.run_id === run.run_id && detail.usage_problem === null;

async function loadRunUsage() {
  const path = `${pathOfRunInRest(getState().run.run_id)}/usage`;
  await attempt(async () => dispatch({ type: "runUsage", answer: await api.get(path) }), ignore);
}

/** Fill a view with what it shows apart from the run that the socket follows. */
const fill = (view, isBack) => attempt(() => ownViews.open(view, isBack), notify);

const isOther = (a, b) => a.name !== b.name || JSON.stringify(a.query) !== JSON.stringify(b.query);

/** The runs whose processes the service sees, as a text. */
const idsOf = (system) => system?.runs.map(({ run_id }) => run_id).join() ?? "";

/** Ask REST for what the socket does not send, when the run changes its state or the connection is back. */
function follow(state, before) {
  const { run } = state;
  const isLive = state.connection.status === "live" && before.connection.status !== "live";
  const isBack = isLive && isLost(before.connection);
  const isOtherRun = run?.run_id !== before.run?.run_id;
  const hasChanged = isOtherRun || run?.state !== before.run?.state;
  if (state.view !== before.view && isOther(state.view, before.view)) fill(state.view);
  else if (isBack) fill(state.view, isBack);
  else if (hasChanged) ownViews.refresh(state.view);
  if (isBack) {
    loadUsage();
    learnAccess(); // Another token may have been entered.
  }
  if (hasUsage(state) && (isBack || hasChanged || !hasUsage(before))) loadRunUsage();
  if (isOtherRun) details.clear();
  if (isActive(before.run) && (isOtherRun || !isActive(run))) stopAsking("stop"); // There is nothing left to stop.
  cancelling.changed(state, before);
  if (isLive || state.queueLimit !== before.queueLimit) queue.load();
  if (hasChanged) details.refresh();
  if (hasChanged || idsOf(state.system) !== idsOf(before.system)) watchActive();
}

/** Ask again while the page is visible: files grow, and other people start and delete runs. */
function refresh() {
  const { view, connection } = getState();
  if (document.hidden || isLost(connection)) return;
  if (hasUsage(getState()) && getState().runUsage.rows.length > MANY_ROWS) loadRunUsage();
  queue.load();
  loadActive();
  if (followed(view) !== null || view.name === "now") details.refresh();
  else ownViews.refresh(view);
}

async function loadActive() {
  if (document.hidden) return;
  await attempt(async () => dispatch({ type: "active", active: (await api.get("training/status")).active }), ignore);
}

/** The socket sends nothing about other active runs than the one that the page shows. */
function watchActive() {
  const { view, run, active, system } = getState();
  if ((view.name === "run" && !isActive(run)) || active.length > 1 || system?.runs.length > 1) loadActive();
}

/** A render function whose module is loaded once there is something to show. */
function rendered(isNeeded, load, create) {
  const render = onDemand(load, create);
  return (state) => {
    if (render.created !== null) render.created(state);
    else if (isNeeded(state)) attempt(async () => (await render.get())(getState()), notify);
  };
}

const VIEWS = [
  renderFrame,
  renderActive,
  renderNow,
  createNotesView({ api, attempt, notify, getState, dispatch, go: (path) => go(path) }),
  renderDuration,
  renderConnection,
  createChartsView({ save }),
  renderEpochs,
  createLogView({ get: api.get, download, pathOf: pathOfRunInRest }),
  rendered(
    ({ detail }) => detail !== null,
    () => import("./views/details.js"),
    ({ renderDetails }) => renderDetails,
  ),
  renderSystem,
  rendered(
    ({ view }) => view.name === "run",
    () => import("./views/runusage.js"),
    ({ renderRunUsage }) => renderRunUsage,
  ),
  rendered(
    isQueueShown,
    () => import("./views/queue.js"),
    ({ createQueueView }) =>
      createQueueView({
        getQueue: () => getState().queue,
        move: (runId, position) => queue.move(runId, position),
        cancel: cancelling.ask,
        setPaused: (isPaused) => queue.setPaused(isPaused),
        showMore: () => dispatch({ type: "moreQueued" }),
      }),
  ),
];
const drawing = createDrawing((state) => {
  for (const render of VIEWS) render(state);
}, getState);

listen(drawing.changed);
listen(renderTab); // Without waiting for a frame: a tab in the background draws none.
listen(follow);
listen(createNotifications({ go: (path) => go(path), notice: (text) => dispatch({ type: "notice", text }) }));
listen((state, before) => ownViews.changed(state, before));

byId("notice-close").addEventListener("click", () => dispatch({ type: "notice", text: null }));
byId("stop").addEventListener("click", running.stop);
byId("cancel").addEventListener("click", () => cancelling.ask(getState().run));
byId("again").addEventListener("click", running.again);
byId("download").addEventListener("click", () => downloadModel(getState().run.run_id));
byId("delete").addEventListener("click", deleteRun);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[download]");
  if (!link || link.protocol === "blob:") return;
  event.preventDefault();
  download(link.pathname + link.search);
});

const checkAccess = () => attempt(() => api.get("training/status"), notify);

function queueChanged() {
  if (document.hidden) return; // The page asks once it is visible.
  queue.load();
  if (isQueued(getState().run)) details.refresh();
}

const sync = followLive({ getState, dispatch, queueChanged, getToken: readToken, checkAccess });

function navigate(view) {
  dispatch({ type: "navigated", view });
  sync.follow(followed(view));
}

const go = createRouter((view) => {
  navigate(view);
  watchActive();
});
const learnAccess = createAccess({ get: api.get, attempt, dispatch });
navigate(viewOf(location));
// The HTML brings the first answer to a subscription; the socket continues from there.
const initial = JSON.parse(byId("initial-state").textContent);
if (initial !== null) dispatch({ type: "caughtUp", answer: initial });
drawing.drawNow();
loadUsage();
watchActive();
setInterval(() => renderDuration(getState()), DURATION_EVERY_MS);
setInterval(watchActive, ACTIVE_EVERY_MS);
setInterval(refresh, REFRESH_EVERY_MS);
document.addEventListener("visibilitychange", refresh);
