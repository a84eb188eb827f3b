import type { StreamListener, StreamUpdate } from "../client/entries.js";
import type { TidegateError } from "../client/errors.js";
import type { SharingOptions } from "../client/options.js";
import { subscribeShared } from "../client/subscribe-shared.js";
import type { EndReason, StreamStatus } from "../wasm/interface.js";
import { ExternalStore } from "./external-store.js";
import { schedule } from "./scheduler.js";
import { acquirePrincipal, principalKey, releasePrincipal, type Target } from "./target.js";

/** A stream as a component sees it. A new object, with a new `parts` array if there are new parts, per commit. */
export interface StreamSnapshot<T> {
  /** All parts so far, in order. */
  readonly parts: T[];
  /** `idle` means not subscribed: something is missing, or `enabled` is false. */
  readonly status: "idle" | StreamStatus;
  /** Which attempt to connect this is, counted from 1 since the last one that worked; 0 while connected. */
  readonly attempt: number;
  /** When the next attempt starts, in milliseconds since 1970, while `reconnecting`. */
  readonly nextRetryAt: number | undefined;
  /** Why the stream is over, once `status` is `ended` or `failed`. */
  readonly endReason: EndReason | undefined;
  /** What is wrong, while it is. */
  readonly error: TidegateError | undefined;
  /** Resume position after the newest part. */
  readonly lastEventId: string | undefined;
}

/** What is read, from where on, and as whom. */
export interface StreamAddress extends SharingOptions {
  readonly target: Target;
  readonly runId: string;
  readonly key: string;
  readonly lastEventId: string | undefined;
}

/** Two components with the same key read through one connection. */
export function streamStoreKey({ target, runId, key, lastEventId }: StreamAddress): string {
  return JSON.stringify(["stream", principalKey(target), runId, key, lastEventId]);
}

/** Of a stream that nobody reads; one object, so that it is also a stable server snapshot. */
export const IDLE_STREAM: StreamSnapshot<never> = {
  parts: /* @__PURE__ */ Object.freeze([]) as unknown as never[],
  status: "idle",
  attempt: 0,
  nextRetryAt: undefined,
  endReason: undefined,
  error: undefined,
  lastEventId: undefined,
};

/** Parts copied per millisecond at most: what keeps the price of new arrays linear in time (see `#dueInMs`). */
const COPIES_PER_MS = 2000;

/** A component that reads: how often it wants to hear of news, and what to call for each arrival. */
interface Reader {
  readonly throttleInMs: number;
  readonly onParts: () => void;
}

/** One subscription and the parts it has brought. */
export class StreamStore<T> extends ExternalStore<StreamSnapshot<T>> implements StreamListener {
  readonly #parts: T[] = [];
  readonly #readers = new Set<Reader>();
  readonly #target: Target;
  readonly #unsubscribe: () => void;
  #latest: StreamSnapshot<T> = { ...IDLE_STREAM, status: "connecting" };
  #committedAt = Number.NEGATIVE_INFINITY;
  #cancelCommit: (() => void) | undefined;

  constructor({ target, runId, key, lastEventId, shareTabs }: StreamAddress, timeoutInSeconds: number | undefined) {
    super({ ...IDLE_STREAM, status: "connecting" });
    this.#target = target;
    const { pump, principal } = acquirePrincipal(target);
    const request = { principal, runId, key, lastEventId, timeoutInSeconds, listener: this };
    this.#unsubscribe = shareTabs ? subscribeShared(pump, request) : pump.subscribe(request);
  }

  /** Everything that has arrived, committed or not. It grows in place: read it, do not keep it. */
  get arrived(): readonly T[] {
    return this.#parts;
  }

  /** Joins with a wish for how often to commit, and a call for every arrival. The most eager reader's wish holds. */
  join(reader: Reader): () => void {
    this.#readers.add(reader);
    return () => {
      this.#readers.delete(reader);
    };
  }

  /** Publishes what has arrived, now. */
  commit(): StreamSnapshot<T> {
    this.#cancelCommit?.();
    this.#cancelCommit = undefined;
    const { parts } = this.getSnapshot();
    if (parts.length !== this.#parts.length) this.#committedAt = performance.now();
    this.publish({ ...this.#latest, parts: parts.length === this.#parts.length ? parts : this.#parts.slice() });
    return this.getSnapshot();
  }

  changed({ status, attempt, retryInMs, endReason, error }: StreamUpdate): void {
    const nextRetryAt = retryInMs === undefined ? undefined : Date.now() + retryInMs;
    this.#latest = { ...this.#latest, status, attempt, nextRetryAt, endReason, error };
    this.commit();
  }

  parts(parts: unknown[], lastEventId: string): void {
    for (const part of parts as T[]) this.#parts.push(part);
    this.#latest = { ...this.#latest, lastEventId };
    for (const { onParts } of [...this.#readers]) onParts();
    const throttleInMs = this.#throttleInMs();
    const dueInMs = this.#dueInMs(throttleInMs);
    if (throttleInMs === 0 && dueInMs === 0) this.commit();
    else this.#cancelCommit ??= schedule(() => this.commit(), dueInMs);
  }

  dispose(): void {
    this.#cancelCommit?.();
    this.#unsubscribe();
    releasePrincipal(this.#target);
  }

  #throttleInMs(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { throttleInMs } of this.#readers) least = Math.min(least, throttleInMs);
    return Number.isFinite(least) ? least : 0;
  }

  /**
   * Readers expect a new array with each change, so each commit copies. Commits are a throttle apart, and further apart
   * the longer the array is (20 000 parts: 10 ms, 200 000 parts: 100 ms), so the work per second is bounded whatever
   * the length and the total grows with time, not with its square.
   */
  #dueInMs(throttleInMs: number): number {
    const interval = Math.max(throttleInMs, this.#parts.length / COPIES_PER_MS);
    return Math.max(0, this.#committedAt + interval - performance.now());
  }
}
