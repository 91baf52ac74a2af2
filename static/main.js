/** Wire the page: store, views, REST, and last the socket. */
import { createApi } from "./api.js";
import { saveCsv } from "./charts/csv.js";
import { createDetails, pathOfRunInRest } from "./details.js";
import { byId } from "./dom.js";
import { bytes } from "./format.js";
import { followLive } from "./live.js";
import { createRouter, runsIn, viewOf } from "./router.js";
import { followed, INITIAL, isActive, isLost, reduce } from "./state.js";
import { createStore } from "./store.js";
import { keepToken, readToken } from "./token.js";
import { createChartsView } from "./views/charts.js";
import { createCompare } from "./views/compare.js";
import { renderConnection } from "./views/connection.js";
import { renderDetails, sizeOf } from "./views/details.js";
import { askHowToStop, askToken, askWhetherToDelete } from "./views/dialogs.js";
import { renderEpochs } from "./views/epochs.js";
import { renderFrame } from "./views/frame.js";
import { createLogView } from "./views/log.js";
import { renderModels } from "./views/models.js";
import { renderNow } from "./views/now.js";
import { pathOfRuns, Runs } from "./views/runs.js";
import { StartForm } from "./views/start.js";
import { renderSystem } from "./views/system.js";
import { renderTab } from "./views/tab.js";

const ACTIVE_EVERY_MS = 5000;
const REFRESH_EVERY_MS = 15_000;
const RENDER_EVERY_MS = 300;

const { getState, dispatch, listen } = createStore(reduce, INITIAL);
const api = createApi({ readToken, ask: async (wasWrong) => keepToken(await askToken(wasWrong)) });

/** Do what may be refused by the service, and tell so where it was asked for; resolves with whether it was done. */
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

const tell = (problem) => dispatch({ type: "notice", text: problem.message });

/** What was asked for, as it was asked: the service filled in the folders that the dataset stands for. */
function sameRequest({ train_data_dir, val_data_dir, test_data_dir, ...asked }) {
  return asked.dataset ? asked : { ...asked, train_data_dir, val_data_dir, test_data_dir };
}

function request(of, path, body) {
  dispatch({ type: "requested", of });
  const action = async () => {
    await api.post(path, body);
    dispatch({ type: "granted", of });
  };
  return attempt(action, (problem) => dispatch({ type: "denied", of, problem }));
}

async function start(wanted) {
  const isStarted = await request("start", "training/start", wanted);
  if (isStarted) go("./");
}

const download = (path) => attempt(() => api.download(path), tell);
const downloadModel = (runId) => download(`training/models/${encodeURIComponent(runId)}/download`);

const save = (runs) => attempt(() => saveCsv(api.get, runs), tell);

async function stop() {
  const { run, progress } = getState();
  const mode = await askHowToStop(run, progress);
  if (mode !== null) await request("stop", "training/stop?wait=0", { run_id: run.run_id, mode });
}

let compare = null;

/** Show the runs that the address names; the view is made when it is wanted first. */
function showComparison(ids) {
  if (ids.length) compare ??= createCompare(byId("compare"), { get: api.get, go: (path) => go(path), save });
  compare?.show(ids);
}

const startForm = new StartForm({
  api,
  needsToken: () => readToken() !== null,
  async start(wanted) {
    await start(wanted);
    return getState().start.problem;
  },
});

const listModels = () =>
  attempt(async () => dispatch({ type: "models", models: (await api.get("training/models")).models_info }), tell);

const runs = new Runs({
  async fetchPage({ page: _, ...query }, offset, limit) {
    let page = null;
    const asked = new URLSearchParams(
      [...Object.entries({ ...query, offset, limit, best: 1 })].filter(([, value]) => value !== ""),
    );
    await attempt(async () => (page = await api.list(`training/metrics/runs?${asked}`)), tell);
    return page;
  },
  replace: (query) => history.replaceState(history.state, "", pathOfRuns(query)),
});

const details = createDetails({
  api,
  getState,
  dispatch,
  refused: tell,
  gone: (runId) => runId === getState().run?.run_id && sync.restart(),
});

const loadSystem = () =>
  attempt(
    async () => dispatch({ type: "load", load: await api.get("training/system") }),
    () => {},
  );

const isOther = (a, b) => a.name !== b.name || JSON.stringify(a.query) !== JSON.stringify(b.query);

/** Ask for what a view shows beside the run that is followed. */
function load(view, isBack = false) {
  showComparison(view.name === "compare" ? runsIn(location.search) : []);
  if (view.name === "runs") runs.open(view.query);
  else if (view.name === "models") listModels();
  else if (view.name === "start") startForm.open(view.query, isBack);
}

async function deleteRun() {
  const { run, detail } = getState();
  const about = `This deletes run ${run.run_id} with its model, checkpoints, metrics and log (${bytes(sizeOf(detail.artifacts))}). You cannot undo it.`;
  if (!(await askWhetherToDelete(about))) return;
  if (await attempt(() => api.delete(`training/models/${encodeURIComponent(run.run_id)}`), tell)) go("runs");
}

/** What the socket does not tell is asked for when the run changes its state or the connection is back. */
function follow(state, before) {
  const { run } = state;
  const isBack = state.connection.status === "live" && isLost(before.connection);
  const isAnother = run?.run_id !== before.run?.run_id;
  if (state.view !== before.view && isOther(state.view, before.view)) load(state.view);
  else if (isBack) load(state.view, isBack);
  else if (isAnother || run?.state !== before.run?.state) refreshLists();
  if (isBack) loadSystem();
  if (isAnother) details.clear();
  if (isAnother || run?.state !== before.run?.state) details.refresh();
}

function refreshLists() {
  const { view } = getState();
  if (view.name === "runs") runs.refresh();
  else if (view.name === "models") listModels();
}

/** While somebody looks: files grow, and other people start and delete runs. */
function refresh() {
  const { view, connection } = getState();
  if (document.hidden || isLost(connection)) return;
  if (followed(view) !== null || view.name === "now") details.refresh();
  else refreshLists();
}

const RENDER = [
  renderFrame,
  renderNow,
  renderConnection,
  createChartsView({ save }),
  renderEpochs,
  createLogView({ get: api.get, download, pathOf: pathOfRunInRest }),
  renderDetails,
  renderModels,
  renderSystem,
];
let [isFrameDue, isFrameAsked, renderedAt] = [false, false, -Infinity];

function render() {
  [isFrameDue, isFrameAsked, renderedAt] = [false, false, performance.now()];
  for (const view of RENDER) view(getState());
}

function askFrame() {
  if (isFrameAsked) return;
  isFrameAsked = true;
  requestAnimationFrame(render);
}

/** Another view or another state of the run is drawn at once; of the news that stream in, all of some time together. */
function scheduleRender(state, before) {
  const isChanged = state.view !== before.view || state.run !== before.run || state.detail !== before.detail;
  const wait = renderedAt + RENDER_EVERY_MS - performance.now();
  if (isChanged || wait <= 0) {
    askFrame();
  } else if (!isFrameDue) {
    isFrameDue = true;
    setTimeout(askFrame, wait);
  }
}

listen(scheduleRender);
listen(renderTab); // At once: a tab in the background draws no frames.
listen(follow);
listen((state, before) => isActive(state.run) !== isActive(before.run) && startForm.setActive(isActive(state.run)));

byId("notice-close").addEventListener("click", () => dispatch({ type: "notice", text: null }));
byId("stop").addEventListener("click", stop);
byId("again").addEventListener("click", () => start(sameRequest(getState().run.request)));
byId("download").addEventListener("click", () => downloadModel(getState().run.run_id));
byId("delete").addEventListener("click", deleteRun);
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[download]");
  // A plain link could not send the token; without one the browser streams the file by itself.
  if (!link || readToken() === null || link.protocol === "blob:") return;
  event.preventDefault();
  download(link.pathname);
});

const sync = followLive({
  getState,
  dispatch,
  getToken: readToken,
  checkAccess: () => attempt(() => api.get("training/status"), tell),
});
const go = createRouter((view) => {
  dispatch({ type: "went", view });
  sync.follow(followed(view));
  watchActive();
});

/** Where the page shows one run, the socket tells nothing of another one that may be active. */
async function watchActive() {
  const { view, run } = getState();
  if (view.name !== "run" || isActive(run) || document.hidden) return;
  const tell = async () => {
    const { running, run_id, config_name, state, progress } = await api.get("training/status");
    dispatch({ type: "active", active: running ? { run_id, config_name, state, progress } : null });
  };
  await attempt(tell, () => {});
}

const view = viewOf(location);
dispatch({ type: "went", view });
sync.follow(followed(view));
// What came with the page is an answer as to a subscription; the socket goes on from there.
const opening = JSON.parse(byId("opening").textContent);
if (opening !== null) dispatch({ type: "caughtUp", answer: opening });
render();
loadSystem();
watchActive();
setInterval(watchActive, ACTIVE_EVERY_MS);
setInterval(refresh, REFRESH_EVERY_MS);
document.addEventListener("visibilitychange", refresh);
