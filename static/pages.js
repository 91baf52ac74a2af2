/**
 * A long list that lies on the service: pages of it are fetched when they come into view, and kept.
 *
 * `fetchPage(offset, limit)` resolves with {items, total}; `changed()` is called whenever there is something new to show.
 */
const PAGE = 100;

export class Pages {
  #fetchPage;
  #changed;
  #pages = new Map();
  /** What was known before, shown until it is known anew. */
  #former = new Map();
  #generation = 0;
  total = null;

  constructor(fetchPage, changed) {
    this.#fetchPage = fetchPage;
    this.#changed = changed;
  }

  /** Begin another list; what is on its way is not taken in any more. */
  reset() {
    this.#generation += 1;
    this.#pages = new Map();
    this.#former = new Map();
    this.total = null;
  }

  /** Ask for the same list anew; what is known of it stays until the answers come. */
  refresh() {
    this.#generation += 1;
    this.#former = new Map([...this.#former, ...[...this.#pages].filter(([, items]) => Array.isArray(items))]);
    this.#pages = new Map();
  }

  /** The items from `start` to before `end`; null stands for one that is being fetched. */
  slice(start, end) {
    for (let page = Math.floor(start / PAGE); page * PAGE < end; page += 1) this.#want(page);
    return Array.from({ length: Math.max(0, end - start) }, (_, i) => this.at(start + i));
  }

  at(index) {
    const number = Math.floor(index / PAGE);
    const page = this.#pages.get(number);
    return (Array.isArray(page) ? page : this.#former.get(number))?.[index % PAGE] ?? null;
  }

  async #want(page) {
    if (this.#pages.has(page)) return;
    const generation = this.#generation;
    this.#pages.set(page, "asked");
    const answer = await this.#fetchPage(page * PAGE, PAGE);
    if (generation !== this.#generation) return;
    if (answer === null) {
      this.#pages.delete(page); // It could not be had; the next look asks again.
      return;
    }
    this.#pages.set(page, answer.items);
    this.total = answer.total;
    this.#changed();
  }
}
