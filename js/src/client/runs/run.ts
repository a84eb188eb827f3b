import type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./task-types.js";

/** Where a run stands. */
export type RunStatus =
  | "PENDING_VERSION"
  | "QUEUED"
  | "DELAYED"
  | "DEQUEUED"
  | "EXECUTING"
  | "WAITING"
  | "COMPLETED"
  | "CANCELED"
  | "FAILED"
  | "CRASHED"
  | "SYSTEM_FAILURE"
  | "EXPIRED"
  | "TIMED_OUT";

/** What a run failed with. */
export interface RunError {
  message: string;
  name?: string;
  stackTrace?: string;
  causes?: RunErrorCause[];
}

/** What led to the error. */
export interface RunErrorCause {
  name: string;
  message: string;
  stackTrace?: string;
}

/** JSON, as metadata hold it. */
export type Json = string | number | boolean | null | Date | undefined | bigint | { [key: string]: Json } | Json[];

/** A run as its feed tells it: what everybody who looks at it is told, whatever they do with it. */
export interface RunFields<TTask extends AnyTask = AnyTask> {
  /** Such as `run_1234`. */
  id: string;
  createdAt: Date;
  updatedAt: Date;
  taskIdentifier: TaskIdentifier<TTask>;
  /** One that this version does not know is `QUEUED`: see {@link RealtimeRun.rawStatus}. */
  status: RunStatus;
  /** Undefined as long as it is in the object store and has not been loaded. */
  payload: TaskPayload<TTask>;
  /** Undefined as long as there is none, or as it is in the object store and has not been loaded. */
  output?: TaskOutput<TTask>;
  /** Compute time so far, in milliseconds. */
  durationMs: number;
  costInCents: number;
  baseCostInCents: number;
  tags: string[];
  idempotencyKey?: string;
  expiredAt?: Date;
  ttl?: string;
  finishedAt?: Date;
  startedAt?: Date;
  delayedUntil?: Date;
  queuedAt?: Date;
  error?: RunError;
  isTest: boolean;
  metadata?: Record<string, Json>;
  /** Keys of the output streams that the run has written to. */
  realtimeStreams: string[];
  isQueued: boolean;
  isExecuting: boolean;
  isWaiting: boolean;
  /** Succeeded or failed. A cancelled run is neither; `finishedAt` tells the end of any. */
  isCompleted: boolean;
  isFailed: boolean;
  isSuccess: boolean;
  isCancelled: boolean;
}

/**
 * A run as it stands. It never changes: what is new of it is a new object. A field that cannot be read is undefined, and the developer
 * is told in the console.
 */
export interface RealtimeRun<TTask extends AnyTask = AnyTask> extends RunFields<TTask> {
  /** The status in the server's own word, such as `COMPLETED_SUCCESSFULLY`. */
  readonly rawStatus: string;
  /** What the server says of the run, column by column, also what this version does not know. */
  readonly columns: Readonly<Record<string, unknown>>;
  /** The payload, from the object store if it is there; rejects with a TidegateError. */
  loadPayload(): Promise<TaskPayload<TTask>>;
  /** The output, from the object store if it is there; rejects with a TidegateError. Undefined without one. */
  loadOutput(): Promise<TaskOutput<TTask> | undefined>;
}
