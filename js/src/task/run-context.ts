import { AsyncLocalStorage } from "node:async_hooks";
import { onePerPage } from "../client/page.js";
import type { BackendOptions } from "../server/configuration.js";

/** What a task asks for when it goes to sleep until an input stream has something for it. */
export interface InputWait {
  readonly streamId: string;
  /** A span such as `"7d"`, or the time as an ISO date. None: for ever. */
  readonly timeout: string | undefined;
  readonly idempotencyKey: string | undefined;
  readonly idempotencyKeyTTL: string | undefined;
  readonly tags: string[] | undefined;
  /** The last record that the task has consumed; none: it has consumed nothing of this stream. */
  readonly lastSeqNum: number | undefined;
}

/**
 * How a wait ended. `data` is the JSON text of the value, undefined where the record has none; `seqNum` is the record it came with,
 * where the server says so.
 */
export type InputWaitResult =
  | { readonly ok: true; readonly data: string | undefined; readonly seqNum: number | undefined }
  | { readonly ok: false; readonly message: string };

/** How a wait for a token ended: what it was completed with, or that its time was out. */
export type TokenWaitResult =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly message: string };

/** The run that the code around it belongs to. */
export interface RunContext {
  readonly runId: string;
  /** The run that triggered this one, and the first of its line: absent where that is this run. */
  readonly parentRunId: string | undefined;
  readonly rootRunId: string | undefined;
  /** The run's metadata as this attempt begins, as JSON text; undefined where they are not known, which is not the same as `{}`. */
  readonly metadata: string | undefined;
  readonly backend: BackendOptions;
  /** Which execution of the run it is: what an earlier one says does not count. None where nobody counts. */
  readonly number: number | undefined;
  /** Aborted when the run is cancelled, or is not this process's any more. */
  readonly signal: AbortSignal;
  /** Gives the run's slot away until the wait has ended. Rejects when the run is cancelled. */
  waitForInput(wait: InputWait): Promise<InputWaitResult>;
  /** The records of this stream that waits of earlier lives of this run have ended with, and that waits of this one are answered with. */
  pastInputs(streamId: string): readonly number[];
  /** The same for a wait token. */
  waitForToken(id: string): Promise<TokenWaitResult>;
  /** Something to finish before the run goes to sleep, so that who sees it wait sees that too. Where it fails, the run sleeps all the same. */
  beforeSleep(finish: () => Promise<void>): void;
  /**
   * Something to finish before the run's end is told: what is queued is written, what is open is closed. Its signal is aborted when there is
   * no more time for it; what it rejects with then, or before, is told. False: the run has ended, and nobody will call it.
   */
  atEnd(finish: (signal: AbortSignal) => Promise<void>): boolean;
  /** One of a kind in a run, made when it is first wanted: its inputs, its metadata. */
  keep<Kept>(kind: symbol, make: () => Kept): Kept;
}

// One for all copies of the package: a task that one of them executes may call what another exports.
const current = onePerPage("run", () => new AsyncLocalStorage<RunContext>());

/** The run around the caller; none outside of tasks. */
export const currentRun = (): RunContext | undefined => current.getStore();

/** Calls something inside a run. */
export const inRun = <Result>(run: RunContext, call: () => Result): Result => current.run(run, call);
