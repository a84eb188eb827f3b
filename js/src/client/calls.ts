import type { Principal } from "./entries.js";
import type { EventPump } from "./event-pump.js";
import type { Json, RunFields } from "./runs/run.js";
import type { AnyTask, TaskIdentifier, TaskPayload } from "./runs/task-types.js";

/** Options of every call. */
export interface CallOptions {
  /** Gives the call up. What it asked for may have been done: see the error's `outcome`. */
  signal?: AbortSignal | undefined;
}

/** How a task is triggered. Durations are words such as `30s`, `10m`, `1h` or `1d`. */
export interface TriggerOptions {
  /** With the same key the same run is answered, and none is made. One that is not a hash of 64 characters is hashed. */
  idempotencyKey?: string | string[] | undefined;
  /** How long the key holds. */
  idempotencyKeyTTL?: string | undefined;
  /** Name of another queue. */
  queue?: string | undefined;
  /** Named limits, at most two, instead of those of the task. */
  concurrency?: string | string[] | undefined;
  concurrencyKey?: string | undefined;
  /** When to start it: after a duration, or at a time. */
  delay?: string | Date | undefined;
  /** A duration, or seconds: a run that has not started by then expires. */
  ttl?: string | number | undefined;
  /** At most ten, of at most 128 characters. */
  tags?: string | string[] | undefined;
  /** At most 256 KiB as JSON. */
  metadata?: Record<string, Json> | undefined;
  maxAttempts?: number | undefined;
  /** Seconds of compute time. */
  maxDuration?: number | undefined;
  /** Name of a machine preset, such as `small-2x`. */
  machine?: string | undefined;
  /** Seconds by which it comes before others. */
  priority?: number | undefined;
  region?: string | undefined;
  /** Version of the deployed task. */
  version?: string | undefined;
  externalDeploymentId?: string | undefined;
  /** A test run. */
  test?: boolean | undefined;
  /** Makes one run of several triggers with the same key. */
  debounce?: { key: string; delay: string; mode?: "leading" | "trailing"; maxDelay?: string } | undefined;
}

/** A run that has been triggered. */
export interface RunHandle<TTask extends AnyTask = AnyTask> {
  /** Such as `run_1234`. */
  id: string;
  /** Reads the run and sends to its input streams, for an hour. Undefined where the server's answer does not let the page read it. */
  publicAccessToken: string | undefined;
  /** Whether it is the run of an earlier trigger with the same idempotency key. */
  isCached: boolean;
  taskIdentifier: TaskIdentifier<TTask>;
}

/** A run that is related to another. */
export interface RelatedRun extends Omit<RunFields, "payload" | "output" | "error" | "realtimeStreams" | "queuedAt"> {
  version?: string;
  depth: number;
  triggerFunction: "triggerAndWait" | "trigger" | "batchTriggerAndWait" | "batchTrigger";
  batchId?: string;
  taskKind?: string;
  region?: string;
}

/** A run as the server tells it when it is asked once. */
export interface RetrievedRun<TTask extends AnyTask = AnyTask>
  extends Omit<RelatedRun, "taskIdentifier">,
    Pick<RunFields<TTask>, "taskIdentifier" | "output" | "error"> {
  payload?: TaskPayload<TTask>;
  payloadPresignedUrl?: string;
  outputPresignedUrl?: string;
  schedule?: {
    id: string;
    externalId?: string;
    deduplicationKey?: string;
    generator: { type: "CRON"; expression: string; description: string };
  };
  relatedRuns: { root?: RelatedRun; parent?: RelatedRun; children?: RelatedRun[] };
  attemptCount: number;
}

/** Triggers a task. */
export async function triggerTask<TTask extends AnyTask = AnyTask>(
  pump: EventPump,
  principal: Principal,
  taskId: TaskIdentifier<TTask>,
  payload: TaskPayload<TTask>,
  options: TriggerOptions & CallOptions = {},
): Promise<RunHandle<TTask>> {
  const body = JSON.stringify({ payload });
  const { text, token } = await pump.call({ principal, what: 0, name: taskId, body, signal: options.signal });
  return { ...JSON.parse(text), publicAccessToken: token, taskIdentifier: taskId };
}

/** Completes a wait token. */
export async function completeWaitToken(
  pump: EventPump,
  principal: Principal,
  id: string,
  data: unknown,
  { signal }: CallOptions = {},
): Promise<{ success: boolean }> {
  const body = JSON.stringify({ data });
  return JSON.parse((await pump.call({ principal, what: 1, name: id, body, signal })).text);
}

/** Asks once how a run stands. */
export async function retrieveRun<TTask extends AnyTask = AnyTask>(
  pump: EventPump,
  principal: Principal,
  id: string,
  { signal }: CallOptions = {},
): Promise<RetrievedRun<TTask>> {
  return JSON.parse((await pump.call({ principal, what: 2, name: id, body: "", signal })).text);
}

/** Cancels a run. */
export async function cancelRun(
  pump: EventPump,
  principal: Principal,
  id: string,
  { signal }: CallOptions = {},
): Promise<{ id: string }> {
  return JSON.parse((await pump.call({ principal, what: 3, name: id, body: "", signal })).text);
}
