import { TidegateError } from "../client/errors.js";

/** With more than this waiting to be read here, the source is not asked for more. */
const HOLD_ABOVE = 4 * 2 ** 20;

/** A stream that is an async iterable, in every runtime. */
export type AsyncIterableStream<T> = ReadableStream<T> & AsyncIterable<T>;

/**
 * The task's own view of what it pipes. As long as nobody reads it, a few megabytes are kept for whoever comes; from its first read on it
 * gets everything, and holds the source back where it reads slowly.
 */
export class Branch<T> {
  readonly stream: AsyncIterableStream<T>;
  #queue: { chunk: T; size: number }[] = [];
  #size = 0;
  #begun = false;
  #lost = false;
  #over = false;
  #error: { cause: unknown } | undefined;
  #wake = () => {};
  #room = () => {};

  constructor() {
    const stream = new ReadableStream<T>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#cancel(),
      },
      { highWaterMark: 0 },
    );
    this.stream = Symbol.asyncIterator in stream ? (stream as AsyncIterableStream<T>) : withIterator(stream);
  }

  push(chunk: T, size: number): void {
    if (this.#over || this.#lost) return;
    this.#queue.push({ chunk, size });
    this.#size += size;
    if (!this.#begun && this.#size > HOLD_ABOVE) {
      this.#lost = true;
      this.#queue = [];
      this.#size = 0;
    }
    this.#wake();
  }

  /** The source has ended, or failed. */
  end(error?: { cause: unknown }): void {
    this.#error ??= error;
    this.#over = true;
    this.#wake();
  }

  /** Resolves when a reader has kept up. */
  async room(): Promise<void> {
    while (this.#begun && !this.#over && this.#size > HOLD_ABOVE) {
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
  }

  async #pull(controller: ReadableStreamDefaultController<T>): Promise<void> {
    this.#begun = true;
    while (this.#queue.length === 0 && !this.#over && !this.#lost) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const next = this.#queue.shift();
    if (this.#lost) {
      const words = "The beginning of this stream has been written and is not kept. Read it while it is piped.";
      controller.error(new TidegateError(words, { code: "aborted", retryable: false }));
    } else if (next) {
      this.#size -= next.size;
      this.#room();
      controller.enqueue(next.chunk);
    } else if (this.#error) controller.error(this.#error.cause);
    else controller.close();
  }

  #cancel(): void {
    this.#over = true;
    this.#queue = [];
    this.#size = 0;
    this.#wake();
    this.#room();
  }
}

function withIterator<T>(stream: ReadableStream<T>): AsyncIterableStream<T> {
  const iterator = (): AsyncIterator<T> & AsyncIterable<T> => {
    const reader = stream.getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<T>>,
      async return() {
        await reader.cancel();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  };
  return Object.assign(stream, { [Symbol.asyncIterator]: iterator });
}
