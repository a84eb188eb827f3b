type Request = { name: string; page: object; grant: () => void };

/** Web Locks of one origin: exclusive ones, first come, first served. */
export class FakeLocks {
  readonly #holders = new Map<string, object>();
  #waiting: Request[] = [];
  /** Gives back the locks of a page that is gone. */
  readonly #releases = new Map<object, (() => void)[]>();

  /** What `navigator.locks` is on one page. */
  page() {
    const page = {};
    this.#releases.set(page, []);
    const request = (name: string, options: { signal?: AbortSignal }, held: () => Promise<void>) =>
      new Promise<void>((resolve, reject) => {
        if (!this.#releases.has(page)) return;
        const release = () => {
          if (this.#holders.get(name) !== entry) return;
          this.#holders.delete(name);
          const next = this.#waiting.findIndex((waiting) => waiting.name === name);
          if (next >= 0) this.#waiting.splice(next, 1)[0]?.grant();
        };
        const entry: Request = {
          name,
          page,
          grant: () => {
            this.#holders.set(name, entry);
            this.#releases.get(page)?.push(release);
            held().then(release).then(resolve);
          },
        };
        options.signal?.addEventListener("abort", () => {
          const place = this.#waiting.indexOf(entry);
          if (place < 0) return;
          this.#waiting.splice(place, 1);
          reject(new DOMException("aborted", "AbortError"));
        });
        if (this.#holders.has(name)) this.#waiting.push(entry);
        else entry.grant();
      });
    const query = async () => ({ held: [...this.#holders.keys()].map((name) => ({ name })) });
    const leave = () => {
      this.#waiting = this.#waiting.filter((waiting) => waiting.page !== page);
      for (const release of this.#releases.get(page) ?? []) release();
      this.#releases.delete(page);
    };
    return { request, query, leave };
  }
}
