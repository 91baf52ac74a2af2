/** The run that is followed: its state, how far it is, and what can be done with it. */
import { byId, make, setText, whenChanged } from "../dom.js";
import { UNKNOWN, count, duration, experimentName, metric, moment, percent, rate, secondsBetween } from "../format.js";
import { byImportance, sideOf } from "../series.js";
import { isActive } from "../state.js";

const PHASES = { prepare: "Preparing the images", test: "Testing the best checkpoint", export: "Exporting the model" };
const RESUMABLE = new Set(["stopped", "interrupted", "failed"]);

export const renderNow = whenChanged(
  (state) => [state.run, state.progress, state.detail, state.start, state.stop, state.epochs, state.isLoaded],
  (state) => {
    const { run, isLoaded } = state;
    byId("now").dataset.state = run?.state ?? "none";
    byId("run").hidden = run === null;
    byId("of-run").hidden = run === null;
    if (run === null) {
      setText(byId("now-title"), isLoaded ? "No training yet" : "Loading…");
      setText(byId("about"), isLoaded ? "Choose an experiment below and start it." : "");
      setText(byId("state"), "");
    } else {
      renderRun(run, state);
    }
    renderActions(state);
  },
);

function renderRun(run, { progress, epochs }) {
  setText(byId("state"), run.state);
  setText(byId("now-title"), experimentName(run.config_name));
  setText(byId("about"), [datasetOf(run), run.model_name, run.run_id].filter(Boolean).join("  ·  "));
  byId("reason").hidden = !run.reason;
  setText(byId("reason"), run.reason ?? "");
  setText(byId("epoch"), epochText(run, progress));
  renderBar(run, progress);
  const facts = {
    "fact-step": of(progress?.step, progress?.total_steps),
    "fact-rate": isActive(run) ? rate(progress?.samples_per_s) : UNKNOWN,
    "fact-left": isActive(run) ? duration(progress?.eta_s) : UNKNOWN,
    "fact-started": moment(run.started_at ?? run.created_at),
    "fact-took": duration(secondsBetween(run.started_at, run.ended_at)),
  };
  for (const [id, text] of Object.entries(facts)) setText(byId(id), text);
  for (const id of ["fact-rate", "fact-left"]) byId(id).parentElement.hidden = !isActive(run);
  byId("fact-took").parentElement.hidden = isActive(run);
  const tests = Object.entries(Object.assign({}, ...epochs.map(({ metrics }) => metrics))).filter(([name]) => sideOf(name) === "test");
  byId("tests").replaceChildren(...tests.sort(([a], [b]) => byImportance(a, b)).map(testFact));
}

function testFact([name, value]) {
  return make("div", {}, make("dt", { text: name }), make("dd", { text: metric(value) }));
}

function datasetOf({ request }) {
  return request?.dataset ?? request?.train_data_dir?.split("/").filter(Boolean).at(-2);
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

function renderActions({ run, detail, start, stop }) {
  byId("stop").hidden = !isActive(run);
  byId("stop").disabled = stop.isBusy;
  setText(byId("stop"), run?.state === "stopping" ? "Stop at once…" : "Stop…");
  const paths = new Set(detail?.artifacts.map((artifact) => artifact.path));
  byId("resume").hidden = !RESUMABLE.has(run?.state) || !paths.has("checkpoints/last.ckpt");
  byId("resume").disabled = start.isBusy;
  const hasModel = detail?.model && [...paths].some((path) => path.endsWith(".onnx"));
  byId("download").hidden = isActive(run) || !hasModel;
  byId("stop-problem").hidden = stop.problem === null;
  setText(byId("stop-problem"), stop.problem?.message ?? "");
}

function of(value, total) {
  return total ? `${count(value)} of ${count(total)}` : count(value);
}
