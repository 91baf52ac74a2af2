/** Wire the page: store, views, REST, and last the socket. */
import { createApi } from "./api.js";
import { byId } from "./dom.js";
import { followLive } from "./live.js";
import { INITIAL, isActive, reduce } from "./state.js";
import { createStore } from "./store.js";
import { keepToken, readToken } from "./token.js";
import { renderCharts } from "./views/charts.js";
import { createCompare, runsIn } from "./views/compare.js";
import { renderConnection } from "./views/connection.js";
import { askHowToStop, askToken } from "./views/dialogs.js";
import { renderEpochs } from "./views/epochs.js";
import { createLogView } from "./views/log.js";
import { renderNow } from "./views/now.js";
import { createRuns } from "./views/runs.js";
import { renderStart, wireStart } from "./views/start.js";
import { renderSystem } from "./views/system.js";
import { renderTitle } from "./views/title.js";

const NUM_RUNS = 10;

const { getState, dispatch, listen } = createStore(reduce, INITIAL);
const api = createApi({ readToken, ask: async (wasWrong) => keepToken(await askToken(wasWrong)) });

/** Do what may be refused by the service, and tell so where it was asked for. */
async function attempt(action, refused) {
  try {
    await action();
  } catch (error) {
    if (error.problem === undefined) throw error;
    refused(error.problem);
  }
}

const tell = (problem) => dispatch({ type: "notice", text: problem.message });
const runPath = (runId) => `/training/runs/${encodeURIComponent(runId)}`;

function request(of, path, body) {
  dispatch({ type: "requested", of });
  const action = async () => {
    await api.post(path, body);
    dispatch({ type: "granted", of });
  };
  return attempt(action, (problem) => dispatch({ type: "denied", of, problem }));
}

const start = (wanted) => request("start", "/training/start", wanted);
const download = (path) => attempt(() => api.download(path), tell);
const downloadModel = (runId) => download(`/training/models/${encodeURIComponent(runId)}/download`);

async function stop() {
  const { run } = getState();
  const mode = await askHowToStop(run.state === "stopping");
  if (mode !== null) await request("stop", "/training/stop?wait=0", { run_id: run.run_id, mode });
}

const loadChoices = () =>
  attempt(async () => {
    const [{ available_configs: configs }, { datasets }] = await Promise.all([
      api.get("/training/configs"),
      api.get("/training/datasets"),
    ]);
    dispatch({ type: "choices", choices: { configs, datasets } });
  }, () => {});

const listRuns = () =>
  attempt(async () => {
    const [runs, { models_info: models }] = await Promise.all([
      api.get(`/training/metrics/runs?limit=${NUM_RUNS}`),
      api.get("/training/models"),
    ]);
    dispatch({ type: "listed", runs, models });
  }, () => {});

const describe = (run) =>
  attempt(async () => dispatch({ type: "described", detail: await api.get(runPath(run.run_id)) }), () => {});

/** What the socket does not tell is asked for when the run changes its state or the connection is back. */
function refresh(state, before) {
  const { run } = state;
  const isBack = state.connection.status === "live" && ["offline", "refused"].includes(before.connection.status);
  const isChanged = run?.run_id !== before.run?.run_id || run?.state !== before.run?.state;
  if (isBack) loadChoices();
  if (isBack || isChanged) listRuns();
  if (isChanged && run !== null && !isActive(run)) describe(run);
}

const RENDER = [renderNow, renderConnection, renderStart, renderCharts, renderEpochs, createLogView({ get: api.get, download, pathOf: runPath }), createRuns(downloadModel), renderSystem];
let isScheduled = false;

function render() {
  isScheduled = false;
  for (const view of RENDER) view(getState());
}

function scheduleRender() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(render);
}

listen(scheduleRender);
listen(renderTitle); // At once: a tab in the background draws no frames.
listen(refresh);

byId("stop").addEventListener("click", stop);
byId("resume").addEventListener("click", () => start({ resume_from: getState().run.run_id }));
byId("download").addEventListener("click", () => downloadModel(getState().run.run_id));
wireStart({ start, refuse: (problem) => dispatch({ type: "denied", of: "start", problem }) });
render();

const compared = runsIn(location.search);
byId("compare").hidden = compared.length === 0;
if (compared.length) createCompare(byId("compare"), { get: api.get, go: (path) => location.assign(path) }).show(compared);

loadChoices();
listRuns();
followLive({ getState, dispatch, getToken: readToken, checkAccess: () => attempt(() => api.get("/training/status"), tell) });
