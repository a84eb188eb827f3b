import type { EndReason, StreamStatus } from "../wasm/interface.js";
import type { StreamListener, StreamUpdate } from "./entries.js";
import type { TidegateError } from "./errors.js";

/**
 * The parts of a stream, in order and once each, for one `for await` loop. What arrives before it is asked for is kept.
 * The loop ends when the stream has ended or is closed, and throws a {@link TidegateError} when it failed for good.
 */
export class PartStream<T> implements AsyncIterableIterator<T> {
  #status: StreamStatus = "connecting";
  #endReason: EndReason | undefined;
  #lastEventId: string | undefined;
  #error: TidegateError | undefined;
  /** Arrived and not asked for; those before `#read` have been. */
  readonly #queue: T[] = [];
  #read = 0;
  readonly #waiting: { resolve(result: IteratorResult<T>): void; reject(error: unknown): void }[] = [];
  readonly #unsubscribe: () => void;

  /** @internal */
  constructor(subscribe: (listener: StreamListener) => () => void) {
    this.#unsubscribe = subscribe({
      changed: (update) => this.#change(update),
      parts: (parts, lastEventId) => this.#take(parts as T[], lastEventId),
    });
  }

  /** Where the subscription stands. */
  get status(): StreamStatus {
    return this.#status;
  }

  /** Why the stream is over, once it is. */
  get endReason(): EndReason | undefined {
    return this.#endReason;
  }

  /** Resume position after the newest part that has arrived: pass it as `lastEventId` to go on from there. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** Stops reading. Parts that have already arrived can still be taken. */
  close(): void {
    this.#unsubscribe();
    if (this.#status !== "failed") this.#finish("ended", this.#endReason ?? "stopped");
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#read < this.#queue.length) return Promise.resolve({ done: false, value: this.#shift() });
    if (this.#status === "failed") return Promise.reject(this.#error);
    if (this.#status === "ended") return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #change({ status, endReason, error }: StreamUpdate): void {
    this.#error = error;
    if (status === "ended" || status === "failed") this.#finish(status, endReason);
    else this.#status = status;
  }

  #take(parts: T[], lastEventId: string): void {
    this.#lastEventId = lastEventId;
    for (const part of parts) {
      const next = this.#waiting.shift();
      if (next) next.resolve({ done: false, value: part });
      else this.#queue.push(part);
    }
  }

  #shift(): T {
    const part = this.#queue[this.#read++] as T;
    if (this.#read * 2 >= this.#queue.length) {
      this.#queue.splice(0, this.#read);
      this.#read = 0;
    }
    return part;
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
