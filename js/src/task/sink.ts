import type { Identity } from "../server/configuration.js";

/** How long a write goes on: a task has more time than a request of a page. */
export const ENDURANCE = { attempts: 10, longestMs: 60_000 };

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

/** What a sink knows of the stream it writes to. */
export interface WrittenStream {
  readonly identity: Identity;
  readonly runId: string;
  readonly key: string;
  /** Of its endpoint, without a query. */
  readonly url: string;
  /** Of every request to that. */
  readonly headers: Readonly<Record<string, string>>;
}
