import type { Bookmark, Resume } from "../client/bookmark.js";
import type { StopReading, StreamListener, StreamUpdate, UnreadableRecord } from "../client/entries.js";
import type { TidegateError } from "../client/errors.js";
import type { SharingOptions } from "../client/options.js";
import { LATEST } from "../client/stream-start.js";
import { subscribeShared } from "../client/subscribe-shared.js";
import { identityOf } from "../client/token-source.js";
import type { EndReason, StreamStatus } from "../wasm/interface.js";
import { ExternalStore } from "./external-store.js";
import { schedule } from "./scheduler.js";
import { acquirePrincipal, principalKey, releasePrincipal, type Target } from "./target.js";

/** Where a stream stands. A new object per commit. */
export interface StreamState {
  /**
   * `idle` means not subscribed: something is missing, or `enabled` is false. `live` goes on while the run does, and `ended` comes
   * some seconds after it, however it ended; after a long silence up to a minute.
   */
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
  /** The newest hundred records that could not be read and were skipped. */
  readonly unreadable: readonly UnreadableRecord[];
}

/** What is read, from where on, and as whom. */
export interface StreamAddress extends SharingOptions {
  readonly target: Target;
  readonly runId: string;
  readonly key: string;
  readonly lastEventId: string | undefined;
  readonly resume?: Resume | undefined;
}

/** Two components with the same key read through one connection. */
export function streamStoreKey({ target, runId, key, lastEventId, resume }: StreamAddress): string {
  const place = resume && { ...resume, storage: String(resume.storage) };
  return JSON.stringify(["stream", principalKey(target), runId, key, lastEventId, place]);
}

/** Of a stream that nobody reads. */
export const IDLE: StreamState = {
  status: "idle",
  attempt: 0,
  nextRetryAt: undefined,
  endReason: undefined,
  error: undefined,
  lastEventId: undefined,
  unreadable: [],
};

const CONNECTING: StreamState = { ...IDLE, status: "connecting" };

/** Parts copied per millisecond at most: what keeps the price of new arrays linear in time (see `#dueInMs`). */
const COPIES_PER_MS = 2000;

const NOTHING: unknown[] = [];

/** Records that could not be read and are remembered. */
const MAX_UNREADABLE = 100;

/** What a reader wants of its store. */
export interface Wishes {
  /** Milliseconds between two commits at least. */
  readonly throttleInMs: number;
  /** After how many seconds of silence the server is to end a response. */
  readonly timeoutInSeconds: number | undefined;
  /** How many of the newest parts it shows. */
  readonly limit: number;
}

/** Who reads. */
export interface Reader<T> {
  readonly options: Wishes;
  /** What it has made of the parts, where the address says that it makes something. */
  readonly value: unknown;
  /** Gets every part once, in order, as it arrives. */
  take(part: T): void;
  /** Hears where the parts that it has just taken stand: behind `before`, up to `lastEventId`. */
  place?(parts: T[], lastEventId: string | undefined, before?: string): void;
  /** Gets the value of an earlier page, which stands for the parts before the first. */
  restore(value: unknown): void;
}

/** The newest parts up to a limit, as of the last commit, and how many there were before them. */
export interface Window<T> {
  readonly parts: T[];
  readonly dropped: number;
}

/** One subscription and those parts of it that its readers want kept. */
export class StreamStore<T> extends ExternalStore<StreamState> implements StreamListener {
  readonly #address: StreamAddress;
  readonly #shared;
  readonly #keepsAll: boolean;
  readonly #readers = new Set<Reader<T>>();
  /** The newest parts; `#dropped` more were here before them. */
  #parts: T[] = [];
  #dropped = 0;
  /** How many parts the last commit has shown. */
  #committed = 0;
  #windows = new Map<number, Window<T>>();
  #latest = CONNECTING;
  #committedAt = Number.NEGATIVE_INFINITY;
  #cancelCommit: (() => void) | undefined;
  #timeoutInSeconds: number | undefined;
  /** Undefined until it is known from where to read, and when it is disposed of. */
  #stop: StopReading | undefined;
  #isDisposed = false;
  /** Parts are being taken: no value belongs to a cursor until all are. */
  #isHanding = false;
  #bookmark: Bookmark | undefined;

  /** With `keepsAll` no part is ever dropped, whatever the readers want, so that everybody who comes can be served. */
  constructor(address: StreamAddress, timeoutInSeconds: number | undefined, keepsAll = false) {
    super(CONNECTING);
    this.#address = address;
    this.#shared = acquirePrincipal(address.target);
    this.#timeoutInSeconds = timeoutInSeconds;
    this.#keepsAll = keepsAll;
    if (address.resume) this.#resume();
    else this.#stop = this.#open();
  }

  get hasReaders(): boolean {
    return this.#readers.size > 0;
  }

  /** How many parts have arrived, committed or not. */
  get count(): number {
    return this.#dropped + this.#parts.length;
  }

  /** Whether every part from number `next` on is still here. */
  keeps(next: number): boolean {
    return next >= this.#dropped;
  }

  /** Hands a reader what has arrived from number `next` on and is still here, then everything that arrives. */
  join(reader: Reader<T>, next: number): () => void {
    if (next === 0) this.#restore(reader);
    const missed = this.#parts.slice(Math.max(0, next - this.#dropped));
    for (const part of missed) reader.take(part);
    reader.place?.(missed, this.#latest.lastEventId);
    this.#readers.add(reader);
    this.#keepTimeout();
    return () => {
      this.#bookmark?.store();
      this.#readers.delete(reader);
    };
  }

  /** One for all that have the same limit, and the same one until there are new parts. */
  window(limit: number): Window<T> {
    let window = this.#windows.get(limit);
    if (!window) {
      const parts = limit > 0 ? this.#parts.slice(Math.max(0, this.#parts.length - limit)) : (NOTHING as T[]);
      window = { parts, dropped: this.count - parts.length };
      this.#windows.set(limit, window);
    }
    return window;
  }

  /** Publishes what has arrived, now. */
  commit(): void {
    this.#cancelCommit?.();
    this.#cancelCommit = undefined;
    if (this.#committed !== this.count) {
      this.#committed = this.count;
      this.#committedAt = performance.now();
      this.#windows = new Map();
      // Now, and not when they are asked for: more may have arrived by then.
      for (const { options } of this.#readers) this.window(options.limit);
    }
    this.publish(this.#latest);
    this.#bookmark?.move();
  }

  changed({ status, attempt, retryInMs, endReason, error }: StreamUpdate): void {
    const nextRetryAt = retryInMs === undefined ? undefined : Date.now() + retryInMs;
    this.#latest = { ...this.#latest, status, attempt, nextRetryAt, endReason, error };
    this.commit();
    if (status === "ended" || endReason === "not-found" || endReason === "gone") this.#bookmark?.remove();
  }

  unreadable({ id, reason }: UnreadableRecord): void {
    const unreadable = [...this.#latest.unreadable, { id, reason }].slice(-MAX_UNREADABLE);
    this.#latest = { ...this.#latest, unreadable };
    this.#commitSoon();
  }

  parts(parts: unknown[], lastEventId: string): void {
    for (const part of parts as T[]) this.#parts.push(part);
    this.#isHanding = true;
    for (const reader of [...this.#readers]) for (const part of parts as T[]) reader.take(part);
    for (const reader of this.#readers) reader.place?.(parts as T[], lastEventId, this.#latest.lastEventId);
    this.#isHanding = false;
    this.#latest = { ...this.#latest, lastEventId: lastEventId || this.#latest.lastEventId };
    this.#commitSoon();
    this.#trim();
  }

  dispose(): void {
    this.#cancelCommit?.();
    this.#isDisposed = true;
    this.#bookmark?.close();
    this.#stop?.();
    releasePrincipal(this.#address.target);
    this.#parts = [];
    this.#windows.clear();
  }

  #open(): StopReading {
    const { runId, key, lastEventId, shareTabs } = this.#address;
    const { pump, principal } = this.#shared;
    const request = {
      principal,
      runId,
      key,
      lastEventId: this.#latest.lastEventId ?? lastEventId,
      timeoutInSeconds: this.#timeoutInSeconds,
      listener: this,
    };
    // Where the end is, each tab finds for itself.
    const isShared = shareTabs && request.lastEventId !== LATEST;
    return isShared ? subscribeShared(pump, request) : pump.subscribe(request);
  }

  /** Reads on where an earlier page stood. Without its chunk or a storage it reads as if there had been none. */
  async #resume(): Promise<void> {
    const address = this.#address;
    try {
      const { openBookmark } = await import("../client/bookmark.js");
      this.#bookmark = await openBookmark(address, identityOf(address.target.accessToken), () => {
        const [reader] = this.#readers;
        const cursor = this.#latest.lastEventId;
        return reader && cursor && !this.#isHanding ? { cursor, value: reader.value } : undefined;
      });
      this.#latest = { ...this.#latest, lastEventId: this.#bookmark.found?.cursor };
      for (const reader of this.#readers) this.#restore(reader);
    } catch {}
    if (this.#isDisposed) return this.#bookmark?.close();
    this.publish(this.#latest);
    this.#stop = this.#open();
  }

  #restore(reader: Reader<T>): void {
    const found = this.#bookmark?.found;
    if (found) reader.restore(found.value);
  }

  /** The shortest wish holds. Another one is told to the server by a new request, which goes on where this one stands. */
  #keepTimeout(): void {
    const wishes = this.#wishes("timeoutInSeconds");
    const timeoutInSeconds = wishes.length > 0 ? Math.min(...wishes) : undefined;
    if (timeoutInSeconds === this.#timeoutInSeconds) return;
    this.#timeoutInSeconds = timeoutInSeconds;
    if (!this.#stop || this.#latest.endReason) return;
    this.#stop();
    this.#stop = this.#open();
  }

  #wishes(name: keyof Wishes): number[] {
    return [...this.#readers].map(({ options }) => options[name]).filter((wish) => wish !== undefined);
  }

  #commitSoon(): void {
    const throttleInMs = this.hasReaders ? Math.min(...this.#wishes("throttleInMs")) : 0;
    const dueInMs = this.#dueInMs(throttleInMs);
    if (throttleInMs === 0 && dueInMs === 0) this.commit();
    else this.#cancelCommit ??= schedule(() => this.commit(), dueInMs);
  }

  /**
   * Readers expect a new array with each change, so each commit copies. Commits are a throttle apart, and further apart
   * the longer the array is (20 000 parts: 10 ms, 200 000 parts: 100 ms), so the work per second is bounded whatever
   * the length and the total grows with time, not with its square.
   */
  #dueInMs(throttleInMs: number): number {
    const copied = Math.min(this.#parts.length, Math.max(0, ...this.#wishes("limit")));
    const interval = Math.max(throttleInMs, copied / COPIES_PER_MS);
    return Math.max(0, this.#committedAt + interval - performance.now());
  }

  /** Lets go of what no reader shows. Without readers everything stays: whoever remounts in a moment goes on with it. */
  #trim(): void {
    if (this.#keepsAll || !this.hasReaders) return;
    const shown = Math.max(...this.#wishes("limit"));
    const extra = this.#parts.length - shown;
    // Not part by part, which would move the rest each time.
    if (extra <= shown) return;
    this.#parts = this.#parts.slice(extra);
    this.#dropped += extra;
  }
}
