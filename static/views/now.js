/** The run: its state, how far it is, and what a person can do with it. */
import { byId, make, setText, whenChanged } from "../dom.js";
import {
  clock,
  count,
  datasetName,
  duration,
  experimentName,
  metric,
  numeral,
  percent,
  rate,
  roughly,
  runName,
  secondsBetween,
  sentence,
  shortTime,
} from "../format.js";
import { lastLines } from "../log/screen.js";
import { bestOf, lastOf } from "../metrics.js";
import { hasBegun, knownShare, outOf, progressText, scopeOf } from "../progress.js";
import { pathOfRun } from "../router.js";
import { byImportance, metricNames, splitOf } from "../series.js";
import { isActive, isOfCommand, isQueued } from "../state.js";
import { renderActions } from "./actions.js";

const SEPARATOR = "  \u00b7  ";
const NUM_LAST_LINES = 12;
/** A program that works usually writes something at least this often. */
const SILENT_AFTER_S = 300;

export const renderNow = whenChanged(
  (state) => [
    state.view,
    state.run,
    state.progress,
    state.detail,
    state.start,
    state.stop,
    state.metrics,
    state.isLoaded,
    state.missing,
    state.access,
    state.connection.status,
    state.run?.state === "failed" ? state.log : null,
  ],
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

function renderNothing({ isLoaded, missing, connection, access }) {
  const unloaded = { offline: "No connection yet", refused: "No live updates" }[connection.status] ?? "Loading\u2026";
  setText(byId("now-title"), missing !== null ? "No such run" : isLoaded ? "No runs yet" : unloaded);
  const next = access === "full" ? "Choose an experiment and a dataset to start your first run." : "";
  setText(byId("about"), missing ?? (isLoaded ? next : ""));
  setText(byId("state"), "");
}

function renderRun(run, state) {
  const { progress, metrics, detail } = state;
  setText(byId("state"), run.state);
  setText(byId("now-title"), runName(run));
  renderAbout(run, state.view);
  renderSilence(run, detail);
  renderFailure(run, state.log);
  renderTurn(run, progress, detail?.run_id === run.run_id ? detail.queue : null);
  renderBar(run, progress);
  renderCounts(run, progress);
  renderTimeLeft(run, progress);
  setFact("fact-machine", machineText(run), Boolean(run.node));
  const started = shortTime(run.started_at ?? run.created_at);
  setFact("fact-started", started, run.state !== "unknown", isQueued(run) ? "Queued" : "Started"); // An unknown run has only a file's time.
  renderBest(metrics, detail?.config?.checkpoint?.monitor ?? detail?.config?.metrics?.monitor);
  const tests = metricNames(metrics)
    .filter((name) => splitOf(name) === "test")
    .sort(byImportance);
  byId("tests").replaceChildren(...tests.map((name) => testFact(name, lastOf(metrics, name))));
}

/** What the title does not say. Elsewhere the id leads to the run's own page, which also shows its usage. */
function renderAbout(run, view) {
  const experiment = run.title && run.config_name && experimentName(run.config_name);
  const parts = [experiment, datasetName(run.request), run.model_name].filter(Boolean);
  const isNamed = runName(run) !== run.run_id;
  const text = [...parts, isNamed && run.run_id].filter(Boolean).join(SEPARATOR);
  const isLinked = isNamed && view.name !== "run";
  if (byId("about").textContent === text && isLinked === byId("about").childElementCount > 0) return;
  const link = make("a", { text: run.run_id, href: pathOfRun(run.run_id), title: "The page of this run" });
  byId("about").replaceChildren(...(isLinked ? [[...parts, ""].join(SEPARATOR), link] : [text]));
}

/** How far the run is, or which place it has in the queue and why it waits. */
function renderTurn(run, progress, entry) {
  const position = isQueued(run) ? (entry?.position ?? null) : null;
  setText(byId("epoch"), position === null ? progressText(run, progress) : `Position ${position} in the queue`);
  byId("turn").hidden = position === null; // A run without a place has a reason of its own.
  setText(byId("turn"), position === null ? "" : sentence(entry.reason ?? "it starts in a moment"));
}

function machineText({ node, gpus }) {
  return gpus?.length > 0 ? `${node} \u00b7 ${gpus.length} GPU${gpus.length > 1 ? "s" : ""}` : (node ?? "");
}

function setFact(id, text, isShown = true, name = null) {
  setText(byId(id), text);
  byId(id).parentElement.hidden = !isShown;
  if (name !== null) setText(byId(id).previousElementSibling, name);
}

function renderCounts(run, progress) {
  const { step, total_steps, batch, num_batches, samples_per_s } = progress ?? {};
  // Only our own trainer is sure to count. The step of another program may be the number of its last one.
  const stepName = isOfCommand(run) || progress?.source !== "progress.json" ? "Step" : "Steps done";
  setFact("fact-step", outOf(step, total_steps), hasBegun(progress) && Number.isFinite(step), stepName);
  setFact("fact-batch", outOf(batch, num_batches), isActive(run) && isOfCommand(run) && Number.isFinite(batch));
  const unit = isOfCommand(run) ? "Samples/s" : "Images/s";
  setFact("fact-rate", rate(samples_per_s), isActive(run) && Number.isFinite(samples_per_s), unit);
}

/** The time left, of whatever the program tells it: a training, an epoch or a progress bar. */
function renderTimeLeft(run, progress) {
  const { eta_s } = progress ?? {};
  const isKnown = isActive(run) && Number.isFinite(eta_s);
  const scope = scopeOf(progress);
  const name = { epoch: "Left in this epoch", bar: "Left in this bar" }[scope] ?? "Time left";
  setFact("fact-left", duration(eta_s), isKnown, name);
  setFact("fact-ends", clock(eta_s), isKnown && scope === "training");
}

/** How long the run has taken so far, or took. Called each second. */
export function renderDuration({ run }) {
  if (run === null) return;
  const isRunning = isActive(run);
  const seconds = secondsBetween(run.started_at, isRunning ? new Date().toISOString() : run.ended_at);
  setFact(
    "fact-duration",
    duration(Math.max(0, seconds)),
    Number.isFinite(seconds),
    isRunning ? "Elapsed" : "Duration",
  );
}

/** A program may hang, which no exit code shows. Say so, and leave the decision to the person. */
function renderSilence(run, detail) {
  const silent_s = detail?.run_id === run.run_id && run.state === "running" ? detail.silent_s : null;
  const isSilent = silent_s >= SILENT_AFTER_S;
  byId("silence").hidden = !isSilent;
  setText(
    byId("silence"),
    isSilent
      ? `No output for ${roughly(silent_s)}. The run may be stuck: its log, metrics and progress have not changed.`
      : "",
  );
}

/** The reason in one sentence, and the end of the log, which often has the cause. */
function renderFailure(run, log) {
  byId("failure").hidden = !run.reason;
  byId("reason").className = run.state === "failed" ? "problem" : "warning";
  setText(byId("reason"), run.reason ?? "");
  const lines = run.state === "failed" ? lastLines(log.chunks, NUM_LAST_LINES) : [];
  const box = byId("last-lines");
  box.hidden = lines.length === 0;
  if (box.textContent === lines.join("\n")) return;
  setText(box, lines.join("\n"));
  box.scrollTop = box.scrollHeight; // The error is last.
}

/** The best value of the metric that chooses the checkpoint, or else of the most important metric with a direction. */
function renderBest(metrics, monitor) {
  const names = metricNames(metrics)
    .filter((name) => metrics.directions.has(name))
    .sort(byImportance);
  const name = names.includes(monitor) ? monitor : (names.find((each) => splitOf(each) === "val") ?? names[0]);
  const best = name === undefined ? null : bestOf(metrics, name);
  byId("fact-best").parentElement.hidden = best === null;
  if (best === null) return;
  setText(byId("best-name"), `Best ${name}`);
  byId("fact-best").replaceChildren(metric(best.value), " ", make("small", { text: positionOf(metrics, best.row) }));
}

function positionOf({ columns }, row) {
  const kind = ["epoch", "step"].find((each) => Number.isFinite(columns.get(each)?.[row]));
  return kind === undefined
    ? ""
    : `${kind} ${kind === "step" ? count(columns.get(kind)[row]) : numeral(columns.get(kind)[row])}`;
}

function testFact(name, value) {
  return make("div", {}, make("dt", { text: name }), make("dd", { text: metric(value) }));
}

function renderBar(run, progress) {
  const bar = byId("bar");
  const { share, of } = knownShare(run, progress);
  if (share !== null) bar.value = share;
  else bar.removeAttribute("value"); // Indeterminate.
  bar.hidden = share === null && !isActive(run);
  setText(byId("percent"), share === null ? "" : percent(share));
  setText(byId("percent-of"), of);
}
