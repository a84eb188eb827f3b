import { pageRegistry } from "./registry.js";
import { IDLE_RUNS, type RunsAddress, type RunsSnapshot, RunsStore } from "./runs-store.js";

/** What a component makes of a feed. What it had made before can be given again, where it is still true. */
export type Select<S extends object> = (snapshot: RunsSnapshot, before: S | undefined) => S;

/** One component's way of looking at a feed: a new object only when something of what it shows is another. */
export class RunsView<S extends object> {
  readonly #select: Select<S>;
  readonly idle: S;
  /** Which feed is shown, and from what. */
  #key: string | undefined;
  #source: RunsSnapshot = IDLE_RUNS;
  #seen: S;

  constructor(select: Select<S>) {
    this.#select = select;
    this.idle = this.#seen = select(IDLE_RUNS, undefined);
  }

  /** What is to be seen of the feed with this key. It never shows what belongs to another. */
  getSnapshot(key: string | undefined): S {
    const source = key !== undefined && pageRegistry().peek<RunsStore>(key)?.getSnapshot();
    if (!source) return this.idle;
    if (key === this.#key && source === this.#source) return this.#seen;
    const before = key === this.#key ? this.#seen : undefined;
    const seen = this.#select(source, before);
    this.#key = key;
    this.#source = source;
    if (!before || !isSame(before, seen)) this.#seen = seen;
    return this.#seen;
  }

  /** Whether there is anything to stop. */
  isOpen(key: string): boolean {
    const status = pageRegistry().peek<RunsStore>(key)?.getSnapshot().status;
    return status !== undefined && status !== "ended" && status !== "failed";
  }

  /** What was last seen of it. */
  kept(key: string | undefined): S {
    return key !== undefined && key === this.#key ? this.#seen : this.idle;
  }

  /** Follows a feed; `listener` is called when there may be something new to see. */
  open(key: string, address: RunsAddress, throttleInMs: number, listener: () => void): () => void {
    const registry = pageRegistry();
    const store = registry.acquire(key, () => new RunsStore(address));
    const leave = store.join(throttleInMs);
    const unsubscribe = store.subscribe(listener);
    return () => {
      leave();
      unsubscribe();
      registry.release(key);
    };
  }
}

/** Whether two objects say the same, member by member, with dates compared by value. */
export function isSame<S extends object>(one: S, other: S): boolean {
  return (Object.keys(one) as (keyof S)[]).every((name) => {
    const [a, b] = [one[name], other[name]];
    return Object.is(a, b) || (a instanceof Date && b instanceof Date && +a === +b);
  });
}
