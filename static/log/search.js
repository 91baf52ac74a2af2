/** A search through a whole log. The service searches one chunk at a time, and a person can step through the matches so far. */
export const MAX_HITS = 100_000;

export class LogSearch {
  /** The byte offsets of the lines found, in order. */
  hits = [];
  /** The index of the current hit; -1 before the first step. */
  current = -1;
  isOver = true;
  /** Whether the service gave no answer. The hits before that stay. */
  hasFailed = false;
  searched = 0;
  size = 0;
  text = "";
  #ask;
  #changed;
  #round = 0;

  /** `ask(text, offset)` resolves with the answer of GET .../log/search. `changed()` is called after each one. */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Begin a new search; an empty text ends the current one. Resolves when the log is searched or another search begins. */
  async begin(text) {
    Object.assign(this, { text, hits: [], current: -1, searched: 0, size: 0, isOver: text === "", hasFailed: false });
    this.#round += 1;
    this.#changed();
    await this.#run(this.#round);
  }

  /** Search the part by which the log has grown. */
  async resume() {
    if (!this.isOver || this.text === "" || this.hits.length >= MAX_HITS) return;
    this.isOver = false;
    await this.#run(this.#round);
  }

  /** Step to the next hit (1) or the previous one (-1), at first from `offset` on. Return its offset, or null without hits. */
  go(by, offset = 0) {
    if (this.hits.length === 0) return null;
    const first = this.hits.findIndex((hit) => hit >= offset);
    if (this.current < 0) this.current = by > 0 ? Math.max(0, first) : (first < 0 ? this.hits.length : first) - 1;
    else this.current += by;
    this.current = (this.current + this.hits.length) % this.hits.length;
    return this.hits[this.current];
  }

  async #run(round) {
    while (!this.isOver) {
      const answer = await this.#ask(this.text, this.searched).catch(() => null);
      if (round !== this.#round) return;
      this.hasFailed = answer === null;
      if (this.hasFailed) {
        this.isOver = true;
        this.#changed();
        return;
      }
      this.hits.push(...answer.lines.slice(0, MAX_HITS - this.hits.length));
      this.isOver =
        answer.next_offset >= answer.size || answer.next_offset <= this.searched || this.hits.length >= MAX_HITS;
      [this.searched, this.size] = [answer.next_offset, answer.size];
      this.#changed();
    }
  }
}
