/** What a person can do with the run. */
import { byId, setText } from "../dom.js";
import { canTry } from "../models.js";
import { pathOfComparison, pathOfTrial } from "../router.js";
import { hasEnded, isQueued } from "../state.js";

const RESUMABLE = new Set(["stopped", "interrupted", "failed"]);

export function renderActions({ run, detail, start, stop, isLoaded, missing }) {
  const isOver = hasEnded(run);
  byId("first-start").hidden = run !== null || !isLoaded || missing !== null;
  byId("all-runs").hidden = missing === null;
  // Only a stop that saves can be hurried.
  byId("stop").hidden = run === null || isOver || isQueued(run) || (run.state === "stopping" && !run.on_stop?.saves);
  byId("stop").disabled = stop.isBusy;
  setText(byId("stop"), run?.state === "stopping" ? "Stop now\u2026" : "Stop\u2026");
  byId("cancel").hidden = !isQueued(run);
  byId("resume").hidden = !RESUMABLE.has(run?.state) || !detail?.can_resume;
  // A directory that no run of ours made has no request to repeat.
  byId("again").hidden = byId("change").hidden = !isOver || !run.config_name;
  byId("again").disabled = start.isBusy;
  byId("compare-link").hidden = run === null;
  byId("try-link").hidden = !canTry(isOver ? (detail?.models ?? []) : []);
  if (run !== null) setLinks(run.run_id);
  renderDownload(isOver ? detail : null);
  const problem = stop.problem ?? start.problem;
  byId("run-problem").hidden = problem === null;
  setText(byId("run-problem"), problem?.message ?? "");
}

function setLinks(runId) {
  byId("resume").href = `start?resume=${encodeURIComponent(runId)}`;
  byId("change").href = `start?from=${encodeURIComponent(runId)}`;
  byId("compare-link").href = pathOfComparison([runId]);
  byId("try-link").href = pathOfTrial(runId);
}

/** The download stands out unless our own trainer could not test the model. */
function renderDownload(detail) {
  const button = byId("download");
  const model = detail?.model ?? null;
  button.hidden = model === null || model.problem !== null;
  if (button.hidden) return;
  const isUntested = model.is_verified && !model.is_tested;
  button.classList.toggle("primary", !isUntested);
  setText(button, isUntested ? "Download untested model" : "Download model");
}
