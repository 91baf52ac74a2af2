/** How far a run is, from what progress.json says. Pure. */
import { count, numeral } from "./format.js";
import { isActive } from "./state.js";

const PHASES = {
  loading: "Loading libraries",
  prepare: "Preparing the images",
  test: "Testing the best checkpoint",
  export: "Exporting the model",
};
const WAITING = { starting: "Starting\u2026", running: "Running", stopping: "Stopping\u2026" };

const BEFORE_TRAINING = new Set(["loading", "prepare"]);

/** Whether the program trains already, as far as it says. */
export const hasBegun = (progress) =>
  progress !== null && progress !== undefined && !BEFORE_TRAINING.has(progress.phase);

/** The share that is done, or null. */
export function fraction(run, progress) {
  if (run?.state === "completed") return 1;
  if (!hasBegun(progress)) return null;
  const { step, total_steps, epoch, max_epochs } = progress;
  const share = total_steps > 0 ? step / total_steps : max_epochs > 0 ? epoch / max_epochs : NaN;
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : null;
}

/** "3 of 10 epochs", as many as are done; without a total the epoch as the program numbers it; null if nobody knows. */
export function epochText(progress) {
  if (!hasBegun(progress)) return null;
  const { step, total_steps, epoch, max_epochs } = progress;
  const done = Math.floor((max_epochs * Math.min(step, total_steps)) / total_steps + 1e-9);
  if (max_epochs > 0 && Number.isFinite(done)) return `${count(done)} of ${count(max_epochs)} epochs`;
  return Number.isFinite(epoch) ? `epoch ${numeral(epoch)}` : null;
}

/** What the run does now, or how far it came. */
export function progressText(run, progress) {
  if (isActive(run) && PHASES[progress?.phase]) {
    const images = progress.phase === "prepare" ? `: ${outOf(progress.batch, progress.num_batches)}` : "";
    return PHASES[progress.phase] + images;
  }
  const epochs = epochText(progress);
  if (epochs === null) return WAITING[run.state] ?? "";
  return epochs.startsWith("epoch") ? `E${epochs.slice(1)}` : `${epochs} done`;
}

export const outOf = (value, total) => (total ? `${count(value)} of ${count(total)}` : count(value));
