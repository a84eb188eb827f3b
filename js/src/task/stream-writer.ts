import { encode } from "../client/encode.js";
import { onAbort } from "../server/on-abort.js";
import { type AsyncIterableStream, Branch } from "./branch.js";
import { outputOf, type StreamTarget } from "./outputs.js";
import { iterate, type Source } from "./source.js";

/** Options of `pipe`. */
export interface PipeStreamOptions {
  /** Stops reading the source. What has been read is still written. */
  signal?: AbortSignal | undefined;
  /** Whose stream it is. Default: this run's. */
  target?: StreamTarget | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  requestOptions?: object | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  spanName?: string | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  collapsed?: boolean | undefined;
}

/** What came of writing a stream. */
export interface StreamWriteResult {
  /** The place of the last record that was written, where the server tells it: reading with it as `lastEventId` begins behind. */
  lastEventId?: string;
}

/** A stream that is being written. */
export interface PipeStreamResult<T> {
  /** What is piped, for the task itself. Who begins to read it should go on, or cancel it: writing waits for slow readers. */
  readonly stream: AsyncIterableStream<T>;
  /** Resolves when all of it is in the log; rejects when the source or the writing has failed. */
  waitUntilComplete(): Promise<StreamWriteResult>;
}

/** Options of `writer`. */
export interface WriterStreamOptions<T> extends PipeStreamOptions {
  /** Writes, and merges what others write. The stream ends when this and all that is merged has ended. */
  execute(tools: { write(part: T): void; merge(stream: Source<T>): void }): Promise<void> | void;
}

/** Writes one value. Resolves when it is in the log. */
export async function appendTo(key: string, value: unknown, { target, signal }: AppendStreamOptions): Promise<void> {
  const json = encode(value);
  const { log, hold } = outputOf(key, target);
  signal?.throwIfAborted();
  await hold(log.append(json));
}

/** Options of `append`. */
export interface AppendStreamOptions {
  /** Whose stream it is. Default: this run's. */
  target?: StreamTarget | undefined;
  /** Where it is aborted already, nothing is written. */
  signal?: AbortSignal | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  requestOptions?: object | undefined;
}

/** Writes what the source gives, as it gives it. Throws `invalid-options`. */
export function pipeTo<T>(key: string, source: Source<T>, options: PipeStreamOptions = {}): PipeStreamResult<T> {
  const writing = new Writing<T>(key, options);
  const iterator = iterate(source);
  return writing.result(async () => writing.take(iterator));
}

/** Writes what `execute` does. */
export function writeTo<T>(key: string, options: WriterStreamOptions<T>): PipeStreamResult<T> {
  const writing = new Writing<T>(key, options);
  return writing.result(async () => {
    const merged: Promise<void>[] = [];
    let over = false;
    // What is merged after the end was never promised to be written.
    const merge = (source: Source<T>) => {
      const taking = over ? Promise.resolve() : writing.take(iterate(source));
      taking.catch(() => {});
      merged.push(taking);
    };
    await options.execute({ write: (part) => void (over || writing.write(part)), merge });
    for (let done = 0; done < merged.length; ) {
      done = merged.length;
      await Promise.all(merged);
    }
    over = true;
  });
}

/** One source on its way into a log, and to the task itself. */
class Writing<T> {
  readonly #output;
  readonly #branch = new Branch<T>();
  /** The first thing that went wrong. */
  #failure: { cause: unknown } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  readonly #stopping = new AbortController();
  readonly #stop = () => this.#stopping.abort();
  readonly #signals: AbortSignal[];

  constructor(key: string, { target, signal }: PipeStreamOptions) {
    this.#output = outputOf(key, target);
    this.#signals = [signal, this.#output.signal].filter((given) => given !== undefined);
  }

  result(run: () => Promise<void>): PipeStreamResult<T> {
    const { stream } = this.#branch;
    const written = this.#output.hold(this.#write(run));
    return { stream, waitUntilComplete: () => written };
  }

  /** Takes one value; what goes wrong with it is told in the end. */
  write(part: T): void {
    if (this.#isStopped) return;
    let json: string;
    try {
      json = encode(part);
    } catch (cause) {
      this.#fail(cause);
      return;
    }
    this.#branch.push(part, json.length);
    const last = this.#output.log.append(json);
    last.catch((cause) => this.#fail(cause));
    this.#last = last;
  }

  /** Takes what comes, no faster than it is written and read. */
  async take(iterator: AsyncIterator<T> | Iterator<T>): Promise<void> {
    let isOver = false;
    try {
      while (!this.#isStopped) {
        const item = await this.#untilStopped(Promise.resolve(iterator.next()));
        if (!item || item.done) {
          isOver = !!item;
          break;
        }
        this.write(item.value);
        await this.#untilStopped(Promise.all([this.#output.log.room(), this.#branch.room()]));
      }
    } catch (cause) {
      isOver = true;
      this.#fail(cause);
    }
    // Not awaited: a generator that hangs would never let go.
    if (!isOver) void (async () => iterator.return?.())().catch(() => {});
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Settles as the promise does, or with nothing when it is stopped. A race would keep every part for as long as nothing stops it. */
  #untilStopped<Result>(promise: Promise<Result>): Promise<Result | undefined> {
    return new Promise((resolve, reject) => {
      const forget = onAbort(this.#stopping.signal, () => resolve(undefined));
      if (this.#isStopped) resolve(undefined);
      // It may fail when nobody waits for it any more.
      promise.then(resolve, reject).finally(forget);
    });
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#stop();
  }

  async #write(run: () => Promise<void>): Promise<StreamWriteResult> {
    if (this.#signals.some(({ aborted }) => aborted)) this.#stop();
    const forgets = this.#signals.map((signal) => onAbort(signal, this.#stop));
    // An execute that never ends must not keep what has failed or is not wanted from being told.
    const running = run();
    running.catch((cause) => this.#fail(cause));
    await this.#untilStopped(running).catch(() => {});
    for (const forget of forgets) forget();
    const seq = await this.#last.catch(() => undefined);
    this.#stop();
    this.#branch.end(this.#failure);
    if (this.#failure) throw this.#failure.cause;
    return typeof seq === "number" ? { lastEventId: String(seq) } : {};
  }
}
