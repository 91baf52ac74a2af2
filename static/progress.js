/** How far a run is, as its progress says. Pure. */
import { count, numeral } from "./format.js";
import { isActive, isOfCommand } from "./state.js";

const PHASES = {
  loading: "Loading libraries",
  prepare: "Preparing images",
  test: "Testing the best checkpoint",
  export: "Exporting the model",
};
const PHASES_OF_COMMANDS = { loading: "Loading libraries", prepare: "Preparing", test: "Testing", export: "Exporting" };
const STATES = {
  queued: "Waiting in the queue",
  starting: "Starting\u2026",
  running: "Running",
  stopping: "Stopping\u2026",
};
const BEFORE_TRAINING = new Set(["loading", "prepare"]);

/** Whether the program has begun to train, as far as it says. */
export const hasBegun = (progress) =>
  progress !== null && progress !== undefined && !BEFORE_TRAINING.has(progress.phase);

/** The share of the training that is done, from 0 to 1; null if unknown. */
export function fraction(run, progress) {
  if (run?.state === "completed") return 1;
  return hasBegun(progress) && scopeOf(progress) === "training" ? shareOf(progress) : null;
}

/** The share that is known: of the training, or else of the epoch or of the program's progress bar. */
export function knownShare(run, progress) {
  const share = fraction(run, progress);
  if (share !== null || !hasBegun(progress) || !isActive(run)) return { share, of: "" };
  return {
    share: shareOf(progress),
    of: { epoch: " of this epoch", bar: " of the current bar" }[progress.scope] ?? "",
  };
}

/** What `percent` and `eta_s` are about: the whole training, an epoch, or a progress bar in the log. */
export const scopeOf = (progress) => progress?.scope ?? "training";

function shareOf({ percent, step, total_steps, epoch, max_epochs }) {
  const share = Number.isFinite(percent)
    ? percent / 100
    : total_steps > 0
      ? step / total_steps
      : max_epochs > 0
        ? epoch / max_epochs
        : NaN;
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : null;
}

/**
 * "3 of 10 epochs", counting finished ones, if the steps tell. Else "epoch 3 of 10" or "epoch 3", in the program's own
 * numbering. null if unknown.
 */
export function epochText(progress) {
  if (!hasBegun(progress)) return null;
  const { step, total_steps, epoch, max_epochs } = progress;
  const done = Math.floor((max_epochs * Math.min(step, total_steps)) / total_steps + 1e-9);
  if (max_epochs > 0 && Number.isFinite(done)) return `${count(done)} of ${count(max_epochs)} epochs`;
  if (!Number.isFinite(epoch)) return null;
  return `epoch ${numeral(epoch)}${max_epochs > 0 ? ` of ${numeral(max_epochs)}` : ""}`;
}

/** What the run is doing, or how far it came. */
export function progressText(run, progress) {
  const phases = isOfCommand(run) ? PHASES_OF_COMMANDS : PHASES;
  if (isActive(run) && phases[progress?.phase]) {
    const images =
      progress.phase === "prepare" && !isOfCommand(run) ? `: ${outOf(progress.batch, progress.num_batches)}` : "";
    return phases[progress.phase] + images;
  }
  const epochs = epochText(progress);
  if (epochs === null) return STATES[run.state] ?? "";
  return epochs.startsWith("epoch") ? `E${epochs.slice(1)}` : `${epochs} done`;
}

export const outOf = (value, total) => (total ? `${count(value)} of ${count(total)}` : count(value));
