/** The run that is followed: its state, how far it is, and what can be done with it. */
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
  secondsBetween,
  shortMoment,
} from "../format.js";
import { lastLines } from "../log/screen.js";
import { bestOf, lastOf } from "../metrics.js";
import { fraction, hasBegun, outOf, progressText } from "../progress.js";
import { byImportance, metricNames, sideOf } from "../series.js";
import { isActive } from "../state.js";
import { renderActions } from "./actions.js";

const NUM_LAST_LINES = 12;
/** A program that is at work writes something at least this often, as a rule. */
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
  const unloaded = { offline: "No connection yet", refused: "No live updates" }[connection.status] ?? "Loading\u2026";
  setText(byId("now-title"), missing !== null ? "No such run" : isLoaded ? "No runs yet" : unloaded);
  setText(
    byId("about"),
    missing ?? (isLoaded ? "Choose an experiment and a dataset to start the first training." : ""),
  );
  setText(byId("state"), "");
}

function renderRun(run, state) {
  const { progress, metrics, detail } = state;
  setText(byId("state"), run.state);
  setText(byId("now-title"), run.config_name ? experimentName(run.config_name) : run.run_id);
  setText(
    byId("about"),
    [datasetName(run.request), run.model_name, run.config_name && run.run_id].filter(Boolean).join("  \u00b7  "),
  );
  renderSilence(run, detail);
  renderFailure(run, state.log);
  setText(byId("epoch"), progressText(run, progress));
  renderBar(run, progress);
  const isGoing = isActive(run);
  const took_s = secondsBetween(run.started_at, run.ended_at);
  setFact(
    "fact-step",
    outOf(progress?.step, progress?.total_steps),
    hasBegun(progress) && Number.isFinite(progress.step),
  );
  setFact("fact-rate", rate(progress?.samples_per_s), isGoing && Number.isFinite(progress?.samples_per_s));
  setFact("fact-left", duration(progress?.eta_s), isGoing && Number.isFinite(progress?.eta_s));
  setFact("fact-ends", clock(progress?.eta_s), isGoing && Number.isFinite(progress?.eta_s));
  setFact("fact-started", shortMoment(run.started_at ?? run.created_at), run.state !== "unknown"); // Then it is a file's time.
  setFact("fact-took", duration(took_s), !isGoing && took_s >= 0);
  renderBest(metrics, detail?.config?.checkpoint?.monitor ?? detail?.config?.metrics?.monitor);
  const tests = metricNames(metrics)
    .filter((name) => sideOf(name) === "test")
    .sort(byImportance);
  byId("tests").replaceChildren(...tests.map((name) => testFact(name, lastOf(metrics, name))));
}

function setFact(id, text, isShown = true) {
  setText(byId(id), text);
  byId(id).parentElement.hidden = !isShown;
}

/** A program may hang in a way that no exit code tells: say so, and leave what to do to the person. */
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

/** The reason in one sentence, and the end of the log, where the cause stands more often than not. */
function renderFailure(run, log) {
  byId("failure").hidden = !run.reason;
  byId("reason").className = run.state === "failed" ? "problem" : "warning";
  setText(byId("reason"), run.reason ?? "");
  const lines = run.state === "failed" ? lastLines(log.pieces, NUM_LAST_LINES) : [];
  const box = byId("last-lines");
  box.hidden = lines.length === 0;
  if (box.textContent === lines.join("\n")) return;
  setText(box, lines.join("\n"));
  box.scrollTop = box.scrollHeight; // The error stands last.
}

/** The best value of the metric that the checkpoint is chosen by, else of the most important one that has a best. */
function renderBest(metrics, monitor) {
  const names = metricNames(metrics)
    .filter((name) => metrics.directions.has(name))
    .sort(byImportance);
  const name = names.includes(monitor) ? monitor : (names.find((each) => sideOf(each) === "val") ?? names[0]);
  const best = name === undefined ? null : bestOf(metrics, name);
  byId("fact-best").parentElement.hidden = best === null;
  if (best === null) return;
  setText(byId("best-name"), `Best ${name}`);
  byId("fact-best").replaceChildren(metric(best.value), " ", make("small", { text: placeOf(metrics, best.row) }));
}

function placeOf({ columns }, row) {
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
  const share = fraction(run, progress);
  if (share !== null) bar.value = share;
  else bar.removeAttribute("value"); // Indeterminate.
  bar.hidden = share === null && !isActive(run);
  setText(byId("percent"), share === null ? "" : percent(share));
}
