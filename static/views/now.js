/** The run that is followed: its state, how far it is, and what can be done with it. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { UNKNOWN, clock, count, datasetName, duration, experimentName, metric, percent, rate, secondsBetween, shortMoment } from "../format.js";
import { lastLines } from "../log/screen.js";
import { pathOfComparison } from "../router.js";
import { byImportance, isBetterLower, sideOf } from "../series.js";
import { isActive } from "../state.js";

const PHASES = { prepare: "Preparing the images", test: "Testing the best checkpoint", export: "Exporting the model" };
const RESUMABLE = new Set(["stopped", "interrupted", "failed"]);
const NUM_LAST_LINES = 12;

export const renderNow = whenChanged(
  (state) => [
    state.view, state.run, state.progress, state.detail, state.start, state.stop, state.epochs, state.isLoaded, state.missing,
    state.connection.status,
    state.run?.state === "failed" ? state.log : null,
  ], // prettier-ignore
  (state) => {
    const { run } = state;
    byId("now").dataset.state = run?.state ?? "none";
    byId("run").hidden = run === null;
    byId("of-run").hidden = run === null;
    if (run === null) renderNothing(state);
    else renderRun(run, state);
    renderActions(state);
  },
);

function renderNothing({ isLoaded, missing, connection }) {
  const unloaded = { offline: "No connection yet", refused: "Nothing live to show" }[connection.status] ?? "Loading…";
  setText(byId("now-title"), missing !== null ? "No such run" : isLoaded ? "No training yet" : unloaded);
  setText(byId("about"), missing ?? (isLoaded ? "Choose an experiment and a dataset; everything else follows here, live." : ""));
  setText(byId("state"), "");
}

function renderRun(run, state) {
  const { progress, epochs, detail } = state;
  setText(byId("state"), run.state);
  setText(byId("now-title"), experimentName(run.config_name));
  setText(byId("about"), [datasetName(run.request), run.model_name, run.run_id].filter(Boolean).join("  ·  "));
  renderFailure(run, state.log);
  setText(byId("epoch"), epochText(run, progress));
  renderBar(run, progress);
  const isGoing = isActive(run);
  setFact("fact-step", of(progress?.step, progress?.total_steps), isGoing || Number.isFinite(progress?.step));
  setFact("fact-rate", rate(progress?.samples_per_s), isGoing);
  setFact("fact-left", duration(progress?.eta_s), isGoing);
  setFact("fact-ends", clock(progress?.eta_s), isGoing);
  setFact("fact-started", shortMoment(run.started_at ?? run.created_at));
  setFact("fact-took", duration(secondsBetween(run.started_at, run.ended_at)), !isGoing);
  renderBest(bestOf(epochs, detail?.config?.checkpoint?.monitor));
  const tests = Object.entries(Object.assign({}, ...epochs.map(({ metrics }) => metrics))).filter(([name]) => sideOf(name) === "test");
  byId("tests").replaceChildren(...tests.sort(([a], [b]) => byImportance(a, b)).map(testFact));
}

function setFact(id, text, isShown = true) {
  setText(byId(id), text);
  byId(id).parentElement.hidden = !isShown;
}

/** The reason in one sentence, and the end of the log, where the cause stands more often than not. */
function renderFailure(run, log) {
  byId("failure").hidden = !run.reason;
  setText(byId("reason"), run.reason ?? "");
  const lines = run.state === "failed" ? lastLines(log.pieces, NUM_LAST_LINES) : [];
  byId("last-lines").hidden = lines.length === 0;
  setText(byId("last-lines"), lines.join("\n"));
}

function renderBest(best) {
  byId("fact-best").parentElement.hidden = best === null;
  if (best === null) return;
  setText(byId("best-name"), `Best ${best.name}`);
  byId("fact-best").replaceChildren(metric(best.value), " ", make("small", { text: `epoch ${count(best.epoch + 1)}` }));
}

/** The best value of the metric that the checkpoint is chosen by, else of the most important one: {name, value, epoch}. */
export function bestOf(epochs, monitor) {
  const names = [...new Set(epochs.flatMap(({ metrics }) => Object.keys(metrics)))].sort(byImportance);
  const name = names.includes(monitor) ? monitor : (names.find((each) => sideOf(each) === "val") ?? names[0]);
  let best = null;
  for (const { epoch, metrics } of epochs) {
    const value = metrics[name];
    if (!Number.isFinite(value)) continue;
    if (best === null || (isBetterLower(name) ? value < best.value : value > best.value)) best = { name, value, epoch };
  }
  return best;
}

function testFact([name, value]) {
  return make("div", {}, make("dt", { text: name }), make("dd", { text: metric(value) }));
}

function epochText(run, progress) {
  if (isActive(run) && PHASES[progress?.phase]) {
    const images = progress.phase === "prepare" ? `: ${of(progress.batch, progress.num_batches)}` : "";
    return PHASES[progress.phase] + images;
  }
  const epoch = epochNumber(progress);
  if (epoch !== null) return `Epoch ${of(epoch, progress.max_epochs)}`;
  return { starting: "Getting ready…", running: "Running", stopping: "Stopping…" }[run.state] ?? "";
}

/** Epochs count from 0 in the files and from 1 for people. */
export function epochNumber(progress) {
  return Number.isFinite(progress?.epoch) ? Math.min(progress.epoch + 1, progress.max_epochs || Infinity) : null;
}

/** The share that is done, or null. */
export function fraction(run, progress) {
  if (run?.state === "completed") return 1;
  const { step, total_steps, epoch, max_epochs } = progress ?? {};
  const share = total_steps > 0 ? step / total_steps : max_epochs > 0 ? epoch / max_epochs : NaN;
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : null;
}

function renderBar(run, progress) {
  const bar = byId("bar");
  const share = fraction(run, progress);
  if (share !== null) bar.value = share;
  else bar.removeAttribute("value"); // Indeterminate.
  bar.hidden = share === null && !isActive(run);
  setText(byId("percent"), share === null ? "" : percent(share));
}

function renderActions({ run, detail, start, stop, isLoaded, missing }) {
  byId("first-start").hidden = run !== null || !isLoaded || missing !== null;
  byId("all-runs").hidden = missing === null;
  byId("stop").hidden = !isActive(run);
  byId("stop").disabled = stop.isBusy;
  setText(byId("stop"), run?.state === "stopping" ? "Stop at once…" : "Stop…");
  const paths = new Set(detail?.artifacts.map((artifact) => artifact.path));
  byId("resume").hidden = !RESUMABLE.has(run?.state) || !paths.has("checkpoints/last.ckpt");
  if (run !== null) byId("resume").href = `start?resume=${encodeURIComponent(run.run_id)}`;
  byId("again").hidden = run === null || isActive(run);
  byId("change").hidden = byId("again").hidden;
  if (run !== null) byId("change").href = `start?from=${encodeURIComponent(run.run_id)}`;
  byId("compare-link").hidden = run === null;
  if (run !== null) byId("compare-link").href = pathOfComparison([run.run_id]);
  byId("again").disabled = start.isBusy;
  const hasModel = detail?.model && [...paths].some((path) => path.endsWith(".onnx"));
  byId("download").hidden = isActive(run) || !hasModel;
  const problem = stop.problem ?? start.problem;
  byId("run-problem").hidden = problem === null;
  setText(byId("run-problem"), problem?.message ?? "");
}

function of(value, total) {
  return total ? `${count(value)} of ${count(total)}` : count(value);
}
