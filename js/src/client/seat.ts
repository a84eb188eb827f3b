import type { Engine, Sink } from "../wasm/interface.js";
import type { Core } from "../wasm/load.js";
import type { CallEntry, FeedEntry, Principal, SendEntry, StreamEntry } from "./entries.js";
import { messageOf } from "./errors.js";
import { guard } from "./guard.js";

/** One engine, and what it has, by the ids that it gave. */
export class Seat {
  readonly engine: Engine;
  readonly principals = new Map<number, Principal>();
  readonly sends = new Map<number, SendEntry>();
  readonly readers = new Map<number, StreamEntry | FeedEntry>();
  readonly calls = new Map<number, CallEntry>();
  readonly #sink: Sink;
  #isLost = false;
  /** What the engine said while it was being called: delivered when the call is over and its result is known. */
  readonly #inbox: (() => void)[] = [];
  #calling = 0;

  constructor(
    readonly core: Core,
    sinkOf: (seat: Seat) => Sink,
  ) {
    this.#sink = sinkOf(this);
    this.engine = core.createEngine(this.#sink);
  }

  /** The only way into the engine. A trap is a panic that could not say so. */
  call(use: (engine: Engine) => void): void {
    if (this.#isLost) return;
    this.#calling += 1;
    try {
      use(this.engine);
    } catch (cause) {
      this.#sink.crashed(messageOf(cause));
    } finally {
      this.#calling -= 1;
    }
    if (this.#calling === 0) this.#drain();
  }

  /** Delivers what the engine says: nothing any more of one that has been given up. */
  hear(event: () => void): void {
    if (this.#isLost) return;
    if (this.#calling > 0) this.#inbox.push(event);
    else guard(event);
  }

  /** Nothing is asked of it any more. What it has said still counts. False when it was lost before. */
  lose(): boolean {
    if (this.#isLost) return false;
    this.#isLost = true;
    this.#drain();
    return true;
  }

  /** Gives it up, with all that it has. */
  end(): void {
    this.#isLost = true;
    this.#inbox.length = 0;
    this.engine.free();
  }

  #drain(): void {
    for (let event = this.#inbox.shift(); event; event = this.#inbox.shift()) guard(event);
  }
}
