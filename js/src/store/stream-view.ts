import { guard } from "../client/guard.js";
import { pageRegistry } from "./registry.js";
import { IDLE, type Reader, type StreamAddress, type StreamState, StreamStore, type Wishes } from "./stream-store.js";

/** A stream as a component sees it. A new object, with a new `parts` array if there are new parts, per commit. */
export interface StreamSnapshot<T, V = undefined> extends StreamState {
  /** The parts in order: all so far, or the newest `maxParts`. Empty with `reduce`, unless `maxParts` is given too. */
  readonly parts: T[];
  /** How many parts came before the first in `parts` and are not kept. */
  readonly dropped: number;
  /** What `reduce` has made of all parts so far. */
  readonly value: V;
}

/** A part, and where it stands in its stream. */
export interface PlacedPart<T> {
  readonly chunk: T;
  /**
   * A resume position from which no part behind this one is missed. It is this part's own place where that is known: for the last of
   * those that arrive together, and for all where none is left out between them. Empty: the beginning.
   */
  readonly id: string;
  /** Milliseconds since 1970: when it was written, on v1 streams; when it arrived, on others. */
  readonly timestamp: number;
}

/** What a component wants to see of a stream, and how often. */
export interface ViewOptions<T, V> extends Wishes {
  readonly reduce: ((value: V, part: T) => V) | undefined;
  readonly initial: V;
  readonly onData: ((part: T) => void) | undefined;
  readonly onParts?: ((parts: PlacedPart<T>[]) => void) | undefined;
}

/** What a component that holds only a value hears of. Its resume position stays that of its value. */
const NEWS = Object.keys(IDLE).filter((name) => name !== "lastEventId") as (keyof StreamState)[];

/** One component's way of looking at a stream. What it has made of the parts lives as long as the component. */
export class StreamView<T, V> implements Reader<T> {
  /** Of the last committed render. */
  options: ViewOptions<T, V>;
  #key: string | undefined;
  #name: string | undefined;
  /** Which stream the snapshot shows. */
  #seen: string | undefined;
  #reduces = false;
  #store: StreamStore<T> | undefined;
  /** How many parts of the store it has taken. */
  #taken = 0;
  #value: V;
  #idle: StreamSnapshot<T, V>;
  #state: StreamState | undefined;
  #snapshot: StreamSnapshot<T, V>;
  /** What `onParts` has not been told of. */
  #untold: PlacedPart<T>[] = [];

  constructor(options: ViewOptions<T, V>) {
    this.options = options;
    this.#value = options.initial;
    this.#idle = this.#snapshot = { ...IDLE, parts: [], dropped: 0, value: options.initial };
  }

  get value(): V {
    return this.#value;
  }

  restore(value: unknown): void {
    this.#value = value as V;
    this.#state = undefined;
  }

  take(part: T): void {
    this.#taken += 1;
    const { onData, reduce } = this.options;
    if (onData) guard(() => onData(part));
    if (reduce) {
      guard(() => {
        this.#value = reduce(this.#value, part);
      });
    }
  }

  place(parts: T[], lastEventId = "", before = ""): void {
    if (!this.options.onParts) return;
    const first = Number(lastEventId) - parts.length + 1;
    const isWhole = first === Number(before || -1) + 1;
    for (const [index, chunk] of parts.entries()) {
      const id = index === parts.length - 1 ? lastEventId : isWhole ? String(first + index) : before;
      this.#untold.push({ chunk, id, timestamp: /-/.test(id) ? Number.parseInt(id, 10) : Date.now() });
    }
  }

  /** What is to be seen of the stream with this key. It never shows what belongs to another. */
  getSnapshot(key: string | undefined): StreamSnapshot<T, V> {
    const ours = this.isOpen(key);
    // Before it has joined, a view that reduces has nothing to show; any other shows what others have.
    const store = ours ? this.#store : this.options.reduce ? undefined : peek<T>(key);
    if (!store) return this.#idle;
    this.#seen = key;
    const state = store.getSnapshot();
    const { limit } = this.options;
    const { parts, dropped } = store.window(limit);
    const before = this.#snapshot;
    if (state === this.#state && parts === before.parts) return before;
    this.#state = state;
    const value = ours ? this.#value : this.#idle.value;
    const isNews = limit > 0 || !Object.is(value, before.value) || NEWS.some((name) => state[name] !== before[name]);
    if (isNews) this.#snapshot = { ...state, parts, dropped, value };
    return this.#snapshot;
  }

  /** Whether it reads the stream with this key, or has until a moment ago. */
  isOpen(key: string | undefined): boolean {
    return key === this.#key && peek<T>(this.#name) === this.#store;
  }

  /** What was last seen of it. */
  kept(key: string | undefined): StreamSnapshot<T, V> {
    return key !== undefined && key === this.#seen ? this.#snapshot : this.#idle;
  }

  /** Publishes what has arrived, and shows it. */
  commit(): StreamSnapshot<T, V> {
    this.#store?.commit();
    return this.getSnapshot(this.#key);
  }

  /** Starts reading, or goes on where it was; `listener` is called when there is something new to see. */
  open(key: string, address: StreamAddress, listener: () => void): () => void {
    const { reduce, timeoutInSeconds, limit } = this.options;
    if (this.#key !== key || this.#reduces !== !!reduce) this.#restart(key);
    const registry = pageRegistry();
    let name = this.isOpen(key) ? (this.#name as string) : key;
    const first = peek<T>(name);
    const taken = first === this.#store ? this.#taken : 0;
    const isMissed = first && !first.keeps(reduce ? taken : Math.max(taken, first.count - limit));
    // What others have let go of is read again from the beginning, and all of it is kept: there are never more than two.
    if (isMissed && first.hasReaders) name = `${key}+`;
    else if (isMissed) registry.drop(key);
    const store = registry.acquire(name, () => new StreamStore<T>(address, timeoutInSeconds, name !== key));
    if (this.#store !== store) this.#restart(key);
    this.#name = name;
    this.#store = store;
    // What it takes now, no commit will tell of.
    if (this.#taken !== store.count) this.#state = undefined;
    const leave = store.join(this, this.#taken);
    this.#taken = store.count;
    const unsubscribe = store.subscribe(() => {
      this.#tell();
      listener();
    });
    this.#tell();
    return () => {
      leave();
      unsubscribe();
      registry.release(name);
    };
  }

  #tell(): void {
    const parts = this.#untold;
    if (parts.length === 0) return;
    this.#untold = [];
    guard(() => this.options.onParts?.(parts));
  }

  #restart(key: string): void {
    const { reduce, initial } = this.options;
    this.#key = key;
    this.#name = key;
    this.#reduces = !!reduce;
    this.#store = this.#state = undefined;
    this.#taken = 0;
    this.#untold = [];
    this.#value = initial;
    this.#idle = this.#snapshot = { ...this.#idle, value: initial };
  }
}

function peek<T>(name: string | undefined): StreamStore<T> | undefined {
  return name === undefined ? undefined : pageRegistry().peek<StreamStore<T>>(name);
}
