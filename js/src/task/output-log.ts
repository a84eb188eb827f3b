import { invalidData } from "../client/encode.js";
import { TidegateError } from "../client/errors.js";
import { part } from "../server/ask.js";
import type { Identity } from "../server/configuration.js";
import { IngestSink } from "./ingest.js";
import { S2Sink } from "./s2.js";
import { pause } from "./timer.js";
import { attempt, headersOf, isHit, type Miss, Patience } from "./wire.js";

/** The largest record a log takes, which counts eight bytes of its own. */
const RECORD_BYTES = 2 ** 20 - 8;
/** The most that is written at once. */
const BATCH_BYTES = 2 ** 20;
const BATCH_RECORDS = 1_000;
/** With more than this waiting to be written, sources are not asked for more. */
const BACKLOG_BYTES = 2 * 2 ** 20;

/** One record as it is written. */
export interface Line {
  /** Its value, in JSON. */
  readonly json: string;
  /** Names it in the log, so that a repeat can be told. */
  readonly id: string;
  /** Of its envelope, in bytes. */
  readonly size: number;
}

/** Where lines go. Writes come one behind the other; what has been written is not written twice. */
export interface Sink {
  /** How long after a write the next one begins, at the earliest, unless it is as large as one may be: lines gather meanwhile. */
  readonly intervalMs: number;
  /** Of what writes with credentials that run out: goes on where one with others has stopped, unless that wrote somewhere else. */
  follow?(other: Sink): boolean;
  /** Resolves with the place of the last of them, where that is told. Rejects with a {@link TidegateError}. */
  write(lines: readonly Line[], signal: AbortSignal): Promise<number | undefined>;
}

interface Entry extends Line {
  done(seq: number | undefined): void;
  fail(error: unknown): void;
}

/** What is written to one stream of a run, in the order in which it was given, whoever gave it. */
export class OutputLog {
  readonly #identity: Identity;
  readonly #runId: string;
  readonly #key: string;
  readonly #url: string;
  readonly #controller = new AbortController();
  #queue: Entry[] = [];
  #size = 0;
  #sink: Sink | undefined;
  #writing: Promise<void> | undefined;
  #waiting: (() => void)[] = [];
  /** When the last write began. */
  #began = -Infinity;
  /** Ends the gathering. */
  #leave: (() => void) | undefined;

  constructor(identity: Identity, runId: string, key: string) {
    this.#identity = identity;
    this.#runId = runId;
    this.#key = key;
    this.#url = `${identity.endpoint.baseURL}/realtime/v1/streams/${part(runId)}/self/${part(key)}`;
  }

  /** Resolves when it is in the log, with its place where that is told. */
  append(json: string): Promise<number | undefined> {
    const id = crypto.randomUUID();
    const size = new TextEncoder().encode(`{"data":${json},"id":"${id}"}`).length;
    if (size > RECORD_BYTES) return Promise.reject(tooLarge(size));
    return new Promise((done, fail) => {
      this.#queue.push({ json, id, size, done, fail });
      this.#size += size;
      if (this.#isFull) this.#leave?.();
      this.#writing ??= this.#write().finally(() => {
        this.#writing = undefined;
      });
    });
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (this.#size > BACKLOG_BYTES) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when nothing is waiting. */
  async idle(): Promise<void> {
    await this.#writing;
  }

  /** Gives up what is waiting. */
  abort(): void {
    this.#controller.abort();
    this.#leave?.();
  }

  async #write(): Promise<void> {
    // What is given in one go leaves in one go.
    await null;
    while (this.#queue.length > 0) {
      let batch: Entry[] = [];
      try {
        this.#sink ??= await this.#create();
        await this.#gather(this.#sink.intervalMs);
        batch = this.#takeBatch();
        const last = await this.#writeBatch(this.#sink, batch);
        batch.forEach((entry, index) => {
          entry.done(last === undefined ? undefined : last - (batch.length - 1 - index));
        });
      } catch (error) {
        // What was given behind it would not stand where its writer thinks it does. And how to write is asked anew.
        this.#sink = undefined;
        for (const entry of [...batch, ...this.#queue]) entry.fail(error);
        this.#queue = [];
        batch = [];
        this.#size = 0;
      }
      this.#size -= batch.reduce((sum, { size }) => sum + size, 0);
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  /** A quiet log is written to at once, a busy one in intervals. */
  async #gather(intervalMs: number): Promise<void> {
    const leftMs = this.#began + intervalMs - performance.now();
    if (leftMs > 0 && !this.#isFull && !this.#controller.signal.aborted) {
      const controller = new AbortController();
      this.#leave = () => controller.abort();
      await pause(leftMs, controller.signal);
      this.#leave = undefined;
    }
    this.#began = performance.now();
  }

  /** Whether what waits is as much as may be written at once. */
  get #isFull(): boolean {
    return this.#queue.length >= BATCH_RECORDS || this.#size >= BATCH_BYTES;
  }

  /** What a log was lent to write with does not last as long as a run may. */
  async #writeBatch(sink: Sink, batch: readonly Line[]): Promise<number | undefined> {
    const { signal } = this.#controller;
    try {
      return await sink.write(batch, signal);
    } catch (error) {
      const { outcome, status } = error as Partial<TidegateError>;
      if (!sink.follow || (status !== 401 && status !== 403)) throw error;
      const isCertain = outcome === "rejected";
      const renewed = await this.#create().catch((cause) => {
        throw isCertain ? cause : error;
      });
      if (!renewed.follow?.(sink) && !isCertain) throw error;
      this.#sink = renewed;
      return renewed.write(batch, signal);
    }
  }

  #takeBatch(): Entry[] {
    let [size, count] = [0, 0];
    for (const entry of this.#queue) {
      size += entry.size + 8;
      if (count > 0 && (size > BATCH_BYTES || count === BATCH_RECORDS)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Makes the stream known to those who follow the run, and asks where it is written. */
  async #create(): Promise<Sink> {
    const patience = new Patience(this.#identity, this.#controller.signal);
    const headers = headersOf(this.#identity);
    for (;;) {
      const signal = this.#controller.signal;
      const answer = await attempt({ url: this.#url, method: "PUT", headers, signal });
      if (!isHit(answer)) {
        await patience.next(answer as Miss, false);
        continue;
      }
      const stream = { identity: this.#identity, runId: this.#runId, key: this.#key, url: this.#url };
      return S2Sink.from(stream, answer.headers) ?? new IngestSink(stream, versionIn(answer.text));
    }
  }
}

/** What a sink knows of the stream it writes to. */
export interface WrittenStream {
  readonly identity: Identity;
  readonly runId: string;
  readonly key: string;
  /** Of its endpoint, without a query. */
  readonly url: string;
}

function versionIn(text: string): string {
  try {
    const { version } = Object(JSON.parse(text));
    return version === "v2" ? "v2" : "v1";
  } catch {
    return "v1";
  }
}

function tooLarge(actualBytes: number): TidegateError {
  const { message } = invalidData(
    "make too large a record",
    `${actualBytes} bytes, where ${RECORD_BYTES} are the most`,
  );
  const details = { code: "too-large", retryable: false, outcome: "rejected" } as const;
  return new TidegateError(message, { ...details, limitBytes: RECORD_BYTES, actualBytes });
}
