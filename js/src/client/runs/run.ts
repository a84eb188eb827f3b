import { toRunError } from "./run-error.js";
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
export type Json = string | number | boolean | null | { [key: string]: Json } | Json[];

/** A run as its feed tells it: what everybody who looks at it is told, whatever they do with it. */
export interface RunFields<TTask extends AnyTask = AnyTask> {
  /** Such as `run_1234`. */
  id: string;
  /** When it was triggered. */
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
  /** Cost of the compute time so far, in US cents. */
  costInCents: number;
  /** What the run costs besides, once, in US cents. */
  baseCostInCents: number;
  tags: string[];
  idempotencyKey?: string;
  /** When its `ttl` was over before it had started. */
  expiredAt?: Date;
  /** After how long it expires where it has not started, such as `10m`. */
  ttl?: string;
  /** When it came to its end, whichever that was; undefined before. */
  finishedAt?: Date;
  /** When its first attempt began. */
  startedAt?: Date;
  /** Where it was triggered with a delay: when that is over. */
  delayedUntil?: Date;
  queuedAt?: Date;
  /** Where it has failed: why. */
  error?: RunError;
  isTest: boolean;
  /** What the task says of itself meanwhile; a new object with each change. */
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

const STATUSES: Record<string, RunStatus> = {
  DELAYED: "DELAYED",
  WAITING_FOR_DEPLOY: "PENDING_VERSION",
  PENDING_VERSION: "PENDING_VERSION",
  PENDING: "QUEUED",
  PAUSED: "WAITING",
  WAITING_TO_RESUME: "WAITING",
  DEQUEUED: "DEQUEUED",
  RETRYING_AFTER_FAILURE: "EXECUTING",
  EXECUTING: "EXECUTING",
  CANCELED: "CANCELED",
  COMPLETED_SUCCESSFULLY: "COMPLETED",
  SYSTEM_FAILURE: "SYSTEM_FAILURE",
  CRASHED: "CRASHED",
  INTERRUPTED: "FAILED",
  COMPLETED_WITH_ERRORS: "FAILED",
  EXPIRED: "EXPIRED",
  TIMED_OUT: "TIMED_OUT",
};

/** A packet of a run. */
export interface RunValue {
  /** As far as it is there. */
  readonly value: unknown;
  load(): Promise<unknown>;
}

/** The packets of a run. */
export type RunValues = Record<"payload" | "output" | "metadata", RunValue>;

/** Beside its own fields a run has what is not among those of the official packages, where it is in nobody's way. */
class Run {
  readonly #values: RunValues;
  readonly #columns: RealtimeRun["columns"];

  constructor(fields: RunFields, columns: RealtimeRun["columns"], values: RunValues) {
    this.#values = values;
    this.#columns = columns;
    Object.assign(this, fields);
  }

  get rawStatus() {
    return String(this.#columns.status);
  }

  get columns() {
    return this.#columns;
  }

  loadPayload() {
    return this.#values.payload.load();
  }

  loadOutput() {
    return this.#values.output.load();
  }
}

/** The run that a row tells of. `unreadable` hears of a column whose text is no date. */
export function toRun(
  columns: RealtimeRun["columns"],
  values: RunValues,
  unreadable: (column: string) => void,
): RealtimeRun {
  const optional = <T>(value: T | null | undefined) => value ?? undefined;
  const date = (column: string): Date | undefined => {
    const text = columns[column];
    if (!text) return undefined;
    const time = new Date(withZone(String(text)));
    if (!Number.isNaN(time.getTime())) return time;
    unreadable(column);
    return undefined;
  };
  const status = STATUSES[String(columns.status)] ?? "QUEUED";
  const isSuccess = status === "COMPLETED";
  const isFailed = /^(FAILED|CRASHED|SYSTEM_FAILURE|EXPIRED|TIMED_OUT)$/.test(status);
  const fields = {
    id: columns.friendlyId as string,
    createdAt: date("createdAt") as Date,
    updatedAt: date("updatedAt") as Date,
    taskIdentifier: columns.taskIdentifier as string,
    status,
    payload: values.payload.value,
    output: values.output.value,
    durationMs: number(columns.usageDurationMs),
    costInCents: number(columns.costInCents),
    baseCostInCents: number(columns.baseCostInCents),
    tags: strings(columns.runTags),
    idempotencyKey: optional(columns.idempotencyKey as string),
    expiredAt: date("expiredAt"),
    ttl: optional(columns.ttl as string),
    finishedAt: date("completedAt"),
    startedAt: date("startedAt"),
    delayedUntil: date("delayUntil"),
    queuedAt: date("queuedAt"),
    error: toRunError(columns.error),
    isTest: columns.isTest === true,
    metadata: values.metadata.value as RunFields["metadata"],
    realtimeStreams: strings(columns.realtimeStreams),
    isQueued: /^(PENDING_VERSION|QUEUED|DELAYED)$/.test(status),
    isWaiting: status === "WAITING",
    isExecuting: /^(DEQUEUED|EXECUTING)$/.test(status),
    isCompleted: isSuccess || isFailed,
    isFailed,
    isSuccess,
    isCancelled: status === "CANCELED",
  };
  return new Run(fields as RunFields, columns, values) as unknown as RealtimeRun;
}

/** The server leaves out that its times are UTC. */
function withZone(text: string): string {
  return /(Z|[+-]\d\d(:?\d\d)?)$/i.test(text) ? text : `${text.replace(" ", "T")}Z`;
}

function number(value: unknown): number {
  const read = Number(value);
  return Number.isFinite(read) ? read : 0;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
