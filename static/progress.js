/** How far a run is, as progress.json says. Pure. */
import { count, numeral } from "./format.js";
import { isActive } from "./state.js";

const PHASES = {
  loading: "Loading libraries",
  prepare: "Preparing images",
  test: "Testing the best checkpoint",
  export: "Exporting the model",
};
const STATES = { starting: "Starting\u2026", running: "Running", stopping: "Stopping\u2026" };
const BEFORE_TRAINING = new Set(["loading", "prepare"]);

/** Whether the program has begun to train, as far as it says. */
export const hasBegun = (progress) =>
  progress !== null && progress !== undefined && !BEFORE_TRAINING.has(progress.phase);

/** The share that is done, from 0 to 1; null if unknown. */
export function fraction(run, progress) {
  if (run?.state === "completed") return 1;
  if (!hasBegun(progress)) return null;
  const { step, total_steps, epoch, max_epochs } = progress;
  const share = total_steps > 0 ? step / total_steps : max_epochs > 0 ? epoch / max_epochs : NaN;
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : null;
}

/** "3 of 10 epochs", counting finished ones; without a total "epoch 3" in the program's own numbering; null if unknown. */
export function epochText(progress) {
  if (!hasBegun(progress)) return null;
  const { step, total_steps, epoch, max_epochs } = progress;
  const done = Math.floor((max_epochs * Math.min(step, total_steps)) / total_steps + 1e-9);
  if (max_epochs > 0 && Number.isFinite(done)) return `${count(done)} of ${count(max_epochs)} epochs`;
  return Number.isFinite(epoch) ? `epoch ${numeral(epoch)}` : null;
}

/** What the run is doing, or how far it came. */
export function progressText(run, progress) {
  if (isActive(run) && PHASES[progress?.phase]) {
    const images = progress.phase === "prepare" ? `: ${outOf(progress.batch, progress.num_batches)}` : "";
    return PHASES[progress.phase] + images;
  }
  const epochs = epochText(progress);
  if (epochs === null) return STATES[run.state] ?? "";
  return epochs.startsWith("epoch") ? `E${epochs.slice(1)}` : `${epochs} done`;
}

export const outOf = (value, total) => (total ? `${count(value)} of ${count(total)}` : count(value));
