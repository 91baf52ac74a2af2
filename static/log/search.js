/** A search through a whole log, by the service, a stretch at a time; what was found so far can be walked through meanwhile. */
export const MAX_HITS = 100_000;

export class LogSearch {
  /** Bytes at which the lines found begin, in order. */
  hits = [];
  /** The index of the hit one is at; -1: none yet. */
  current = -1;
  isOver = true;
  /** The service gave no answer; what was found before stands. */
  hasFailed = false;
  searched = 0;
  size = 0;
  text = "";
  #ask;
  #changed;
  #round = 0;

  /** `ask(text, offset)` resolves with what GET .../log/search answers; `changed()` is called at each step. */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** Search anew; an empty text ends it. Resolves when all is searched, or another search has begun. */
  async begin(text) {
    Object.assign(this, { text, hits: [], current: -1, searched: 0, size: 0, isOver: text === "", hasFailed: false });
    this.#round += 1;
    this.#changed();
    await this.#run(this.#round);
  }

  /** The log has grown. */
  async resume() {
    if (!this.isOver || this.text === "" || this.hits.length >= MAX_HITS) return;
    this.isOver = false;
    await this.#run(this.#round);
  }

  /** Go to the next hit (by 1) or the one before (-1), or to the first one not before `offset`; returns its offset or null. */
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
