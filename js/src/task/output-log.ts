import { invalidData } from "../client/encode.js";
import { TidegateError } from "../client/errors.js";
import { part } from "../server/ask.js";
import { attempt, headersOf, isMiss } from "../server/attempt.js";
import type { Identity } from "../server/configuration.js";
import { Patience } from "../server/patience.js";
import { pause } from "../server/pause.js";
import { GONE, superseded } from "./failure.js";
import { IngestSink } from "./ingest.js";
import type { RunContext } from "./run-context.js";
import { S2Sink } from "./s2.js";
import { ENDURANCE, type Line, type Sink, type WrittenStream } from "./sink.js";

/** The largest record a log takes, which counts eight bytes of its own. */
const RECORD_BYTES = 2 ** 20 - 8;
/** The most that is written at once. */
const BATCH_BYTES = 2 ** 20;
const BATCH_RECORDS = 1_000;
/** With more than this waiting to be written, sources are not asked for more. */
const BACKLOG_BYTES = 2 * 2 ** 20;

interface Entry extends Line {
  done(seq: number | undefined): void;
  fail(error: unknown): void;
}

/** What is written to one stream of a run, in the order in which it was given, whoever gave it. */
export class OutputLog {
  readonly #stream: WrittenStream;
  readonly #controller = new AbortController();
  #queue: Entry[] = [];
  #size = 0;
  #sink: Sink | undefined;
  #isWriting = false;
  #waiting: (() => void)[] = [];
  /** When the last write began. */
  #began = -Infinity;
  /** Ends the gathering. */
  #leave: (() => void) | undefined;

  /** `writer`: which execution of which run writes, so that one that does not count any more can be refused. */
  constructor(identity: Identity, runId: string, key: string, writer?: Pick<RunContext, "runId" | "number">) {
    const url = `${identity.endpoint.baseURL}/realtime/v1/streams/${part(runId)}/self/${part(key)}`;
    const headers = {
      ...headersOf(identity),
      ...(writer?.number !== undefined && {
        "x-tidegate-execution": String(writer.number),
        ...(writer.runId !== runId && { "x-tidegate-run": writer.runId }),
      }),
    };
    this.#stream = { identity, runId, key, url, headers };
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
      if (!this.#isWriting) void this.#write();
    });
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (this.#size > BACKLOG_BYTES) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives up what is waiting. */
  abort(): void {
    this.#controller.abort();
    this.#leave?.();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    this.#isWriting = true;
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
        const told = (error as Partial<TidegateError>).status === GONE ? superseded() : error;
        for (const entry of [...batch, ...this.#queue]) entry.fail(told);
        this.#queue = [];
        batch = [];
        this.#size = 0;
      }
      this.#size -= batch.reduce((sum, { size }) => sum + size, 0);
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
    // At once: whoever has just heard of the last one may give the next before any promise of this has settled.
    this.#isWriting = false;
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
    const { signal } = this.#controller;
    const { identity, url, headers } = this.#stream;
    const patience = new Patience(identity, { ...ENDURANCE, signal });
    for (;;) {
      const answer = await attempt({ url, method: "PUT", headers, signal });
      if (!isMiss(answer))
        return S2Sink.from(this.#stream, answer.headers) ?? new IngestSink(this.#stream, versionIn(answer.text));
      await patience.next(answer, "rejected");
    }
  }
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
