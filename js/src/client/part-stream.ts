import type { EndReason, StreamStatus } from "../wasm/interface.js";
import type { StopReading, StreamListener, StreamUpdate, UnreadableRecord } from "./entries.js";
import type { TidegateError } from "./errors.js";

/** With this many characters of JSON waiting to be taken, reading is held; below half of it, it goes on. */
const HOLD_ABOVE = 2 ** 20;

/** What came in one go: the parts from `next` on wait to be taken. */
interface Batch<T> {
  readonly parts: T[];
  next: number;
  readonly size: number;
  readonly lastEventId: string;
}

/**
 * The parts of a stream, in order and once each, for one `for await` loop. What arrives before it is asked for is kept; with more
 * than about a megabyte of that the connection is left unread until the loop has caught up, so that the server waits.
 * The loop ends when the stream has ended or is closed, and throws a {@link TidegateError} when it failed for good.
 */
export class PartStream<T> implements AsyncIterableIterator<T> {
  #status: StreamStatus = "connecting";
  #endReason: EndReason | undefined;
  #lastEventId: string | undefined;
  #cursor: string | undefined;
  #error: TidegateError | undefined;
  readonly #batches: Batch<T>[] = [];
  /** Characters of JSON in the batches that are not taken as a whole. */
  #size = 0;
  #held = false;
  readonly #waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }[] = [];
  readonly #unsubscribe: StopReading;

  /** @internal */
  constructor(
    subscribe: (listener: StreamListener) => StopReading,
    start: string | undefined,
    onUnreadable: ((record: UnreadableRecord) => void) | undefined,
  ) {
    this.#lastEventId = this.#cursor = start;
    const listener: StreamListener = {
      changed: (update) => this.#change(update),
      parts: (parts, lastEventId, size) => this.#take(parts as T[], lastEventId, size),
    };
    if (onUnreadable) listener.unreadable = ({ id, reason }) => onUnreadable({ id, reason });
    this.#unsubscribe = subscribe(listener);
  }

  /** Where the subscription stands. */
  get status(): StreamStatus {
    return this.#status;
  }

  /** Why the stream is over, once it is. */
  get endReason(): EndReason | undefined {
    return this.#endReason;
  }

  /** Resume position after the newest part that has arrived, taken or not. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /**
   * Resume position after what has been taken: pass it as `lastEventId` to go on from there. It moves when everything that came in
   * one go has been taken, so going on from it leaves nothing out, and can repeat the last few parts.
   */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Stops reading. Parts that have already arrived can still be taken. */
  close(): void {
    this.#unsubscribe();
    if (this.#status !== "failed") this.#finish("ended", this.#endReason ?? "stopped");
  }

  /** The next part, as soon as there is one. */
  next(): Promise<IteratorResult<T>> {
    const [batch] = this.#batches;
    if (batch) return Promise.resolve({ done: false, value: this.#shift(batch) });
    if (this.#status === "failed") return Promise.reject(this.#error);
    if (this.#status === "ended") return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Stops reading: what `break` in a loop calls. */
  return(): Promise<IteratorResult<T>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Itself: there is one loop over it. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  #change({ status, endReason, error }: StreamUpdate): void {
    this.#error = error;
    if (status === "ended" || status === "failed") this.#finish(status, endReason);
    else this.#status = status;
  }

  #take(parts: T[], lastEventId: string, size = 0): void {
    if (lastEventId) this.#lastEventId = lastEventId;
    const batch = { parts, next: 0, size, lastEventId };
    this.#batches.push(batch);
    this.#size += size;
    while (batch.next < parts.length) {
      const next = this.#waiting.shift();
      if (!next) break;
      next.resolve({ done: false, value: this.#shift(batch) });
    }
    if (this.#size > HOLD_ABOVE) this.#hold(true);
  }

  /** Takes one part; somebody waits only where nothing else does, so the batch is the first one. */
  #shift(batch: Batch<T>): T {
    const part = batch.parts[batch.next++] as T;
    if (batch.next === batch.parts.length) {
      this.#cursor = batch.lastEventId || this.#cursor;
      this.#size -= batch.size;
      this.#batches.shift();
      if (this.#size * 2 < HOLD_ABOVE) this.#hold(false);
    }
    return part;
  }

  #hold(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    this.#unsubscribe.setReading?.(!held);
  }

  #finish(status: "ended" | "failed", endReason: EndReason | undefined): void {
    this.#status = status;
    this.#endReason = endReason;
    queueMicrotask(() => this.#unsubscribe());
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (status === "failed") reject(this.#error);
      else resolve({ done: true, value: undefined });
    }
  }
}
