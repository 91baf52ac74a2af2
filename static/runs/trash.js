/** The trash: deleted runs, which a person can restore for a day, and the offer to undo a deletion. */
import { byId, make, setText } from "../dom.js";
import { bytes, counted, runName, shortTime } from "../format.js";
import { askToDelete } from "../views/dialogs.js";

const OFFER_MS = 20_000;

export class Trash {
  #api;
  #attempt;
  #restored;
  #timer = null;
  #shown = null;

  /** `attempt(action)` does what the service may refuse and reports it. `restored(runId)` is called after a restore. */
  constructor({ api, attempt, restored }) {
    this.#api = api;
    this.#attempt = attempt;
    this.#restored = restored;
    byId("trash-empty").addEventListener("click", () => this.#empty());
    byId("toast-close").addEventListener("click", () => this.#closeOffer());
  }

  /** Ask again: other people delete and restore runs, and the service removes those that are due. */
  async refresh() {
    await this.#attempt(async () => this.#show((await this.#api.get("training/trash")).runs));
  }

  /** Offer to undo the deletion of a run. */
  offerUndo(run) {
    this.#closeOffer();
    setText(byId("toast-text"), `Moved ${runName(run)} to the trash.`);
    byId("toast-undo").onclick = () => this.#restore(run.run_id);
    byId("toast").hidden = false;
    this.#timer = setTimeout(() => this.#closeOffer(), OFFER_MS);
  }

  #closeOffer() {
    clearTimeout(this.#timer);
    byId("toast").hidden = true;
  }

  #show(runs) {
    byId("trash").hidden = runs.length === 0;
    const now = JSON.stringify(runs);
    if (now === this.#shown) return;
    this.#shown = now;
    byId("trash-runs").replaceChildren(...runs.map((run) => this.#row(run)));
  }

  #row(run) {
    const cell = (text, className = "") => make("td", { text, className });
    return make(
      "tr",
      {},
      make("th", { scope: "row", text: runName(run) }, make("small", { text: run.run_id })),
      cell(run.size_bytes === null ? "" : bytes(run.size_bytes), "number wide"),
      cell(shortTime(run.deleted_at), "number wide"),
      cell(shortTime(run.expires_at), "number wide"),
      make(
        "td",
        { className: "number" },
        this.#button("Restore", "", run, () => this.#restore(run.run_id)),
        this.#button("Delete…", "danger", run, () => this.#delete(run)),
      ),
    );
  }

  #button(text, className, run, clicked) {
    const button = make("button", { type: "button", text, className: `small ${className}` });
    button.dataset.changes = "";
    button.setAttribute("aria-label", `${text.replace("…", "")} ${runName(run)}, ${run.run_id}`);
    button.addEventListener("click", clicked);
    return button;
  }

  async #restore(runId) {
    this.#closeOffer();
    if (await this.#attempt(() => this.#api.post(`${pathOf(runId)}/restore`))) this.#restored(runId);
    await this.refresh();
  }

  async #delete(run) {
    const about = `This deletes ${runName(run)} of ${shortTime(run.created_at)} (${run.run_id}). You cannot undo it.`;
    if (await askToDelete("Delete this run for good?", about))
      await this.#attempt(() => this.#api.delete(pathOf(run.run_id)));
    await this.refresh();
  }

  async #empty() {
    const number = byId("trash-runs").rows.length;
    const about = `This deletes ${counted(number, "run")} for good. You cannot undo it.`;
    if (await askToDelete("Empty the trash?", about)) await this.#attempt(() => this.#api.delete("training/trash"));
    await this.refresh();
  }
}

const pathOf = (runId) => `training/trash/${encodeURIComponent(runId)}`;
