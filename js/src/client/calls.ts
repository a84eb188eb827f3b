import { encode, invalidData } from "./encode.js";
import type { Caller, CallRequest, Principal } from "./entries.js";
import { invalidOptions, messageOf, TidegateError } from "./errors.js";
import { checkName, checkStrings } from "./options.js";
import { decodePacket, encodePacket } from "./runs/packets.js";
import type { RunFields } from "./runs/run.js";
import type { AnyTask, TaskIdentifier, TaskPayload } from "./runs/task-types.js";

export { callerOf } from "./caller.js";

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
  /** Runs with the same key have a queue of their own, with the limit of the queue. */
  concurrencyKey?: string | undefined;
  /** When to start it: after a duration, or at a time. */
  delay?: string | Date | undefined;
  /** A duration, or seconds: a run that has not started by then expires. */
  ttl?: string | number | undefined;
  /** At most ten, of at most 128 characters. */
  tags?: string | string[] | undefined;
  /** At most 256 KiB as JSON. */
  metadata?: Record<string, unknown> | undefined;
  /** The first attempt included, instead of what the task says. */
  maxAttempts?: number | undefined;
  /** Seconds of compute time. */
  maxDuration?: number | undefined;
  /** Name of a machine preset, such as `small-2x`. */
  machine?: string | undefined;
  /** Seconds by which it comes before others. */
  priority?: number | undefined;
  /** Name of the region to run in. */
  region?: string | undefined;
  /** Version of the deployed task. */
  version?: string | undefined;
  /** Which deployment to run, by what the hosting platform calls it, such as a commit; `version` wins over it. */
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

/**
 * Triggers a task, once, however often the request has to be repeated. What JSON cannot say of the payload, such as dates, maps and
 * sets, keeps its type. Rejects with a {@link TidegateError}.
 */
export async function triggerTask<TTask extends AnyTask = AnyTask>(
  caller: Caller,
  principal: Principal,
  taskId: TaskIdentifier<TTask>,
  payload: TaskPayload<TTask>,
  options: TriggerOptions & CallOptions = {},
): Promise<RunHandle<TTask>> {
  checkName("task id", taskId, "Pass the id that the task is defined with.");
  checkTrigger(options);
  const { queue, concurrency, idempotencyKey, version, signal, ...others } = options;
  const { data, type } = await encodePacket(payload);
  const body = encode({
    payload: data,
    options: {
      ...others,
      queue: queue && { name: queue },
      concurrency: concurrency && [concurrency].flat(),
      idempotencyKey: await toIdempotencyKey(idempotencyKey),
      lockToVersion: version,
      payloadType: type,
    },
  });
  const { answer, token } = await ask(caller, { principal, what: 0, name: taskId, body, signal });
  return {
    ...answer,
    id: answer.id,
    isCached: answer.isCached === true,
    publicAccessToken: token,
    taskIdentifier: taskId,
  };
}

/**
 * Completes a wait token with plain JSON. Where it has been completed before, or has timed out, the first result stays, and the server
 * does not say so. Rejects with a {@link TidegateError}.
 */
export async function completeWaitToken(
  caller: Caller,
  principal: Principal,
  id: string,
  data?: unknown,
  { signal }: CallOptions = {},
): Promise<{ success: boolean }> {
  checkName("wait token's id", id, "Pass the id of the token, such as waitpoint_1234.");
  const body = data === undefined ? "{}" : `{"data":${encode(data)}}`;
  const { answer } = await ask(caller, { principal, what: 1, name: id, body, signal });
  return { success: answer.success === true };
}

/** Asks once how a run stands; its payload and output are fetched where they lie elsewhere. Rejects with a {@link TidegateError}. */
export async function retrieveRun<TTask extends AnyTask = AnyTask>(
  caller: Caller,
  principal: Principal,
  id: string,
  { signal }: CallOptions = {},
): Promise<RetrievedRun<TTask>> {
  checkName("run id", id, "Pass the id of the run, such as run_1234.");
  const { answer } = await ask(caller, { principal, what: 2, name: id, body: "", signal });
  const run = withDates(answer);
  const { root, parent, children, ...others } = Object(run.relatedRuns);
  run.relatedRuns = {
    ...others,
    ...(root && { root: withDates(root) }),
    ...(parent && { parent: withDates(parent) }),
    ...(children && { children: children.map(withDates) }),
  };
  run.attemptCount ??= 0;
  const { payloadPresignedUrl, outputPresignedUrl } = run;
  const fetched = async (url: unknown) =>
    typeof url === "string"
      ? decodePacket(await (await import("./runs/stored-packets.js")).fetchPacket(url))
      : undefined;
  // As the official packages have it: one that cannot be fetched is undefined, and the rest is told nonetheless.
  const [payload, output] = await Promise.allSettled([fetched(payloadPresignedUrl), fetched(outputPresignedUrl)]);
  if (payloadPresignedUrl) run.payload = "value" in payload ? payload.value : undefined;
  if (outputPresignedUrl) run.output = "value" in output ? output.value : undefined;
  return run as unknown as RetrievedRun<TTask>;
}

/**
 * Cancels a run. The public API does not let pages of another origin do this: there it takes a backend of one's own. Rejects with a
 * {@link TidegateError}.
 */
export async function cancelRun(
  caller: Caller,
  principal: Principal,
  id: string,
  { signal }: CallOptions = {},
): Promise<{ id: string }> {
  checkName("run id", id, "Pass the id of the run, such as run_1234.");
  const { answer } = await ask(caller, { principal, what: 3, name: id, body: "", signal });
  return { id: answer.id };
}

/** {@link cancelRun}, for a page: what cannot be read there is most likely the answer that is not meant for pages. */
export async function cancelRunFromPage(...given: Parameters<typeof cancelRun>): Promise<{ id: string }> {
  try {
    return await cancelRun(...given);
  } catch (error) {
    if (!(error instanceof TidegateError && error.code === "blocked")) throw error;
    const sentence = "The public API does not let pages cancel runs: have your backend do it.";
    throw new TidegateError(`${sentence} ${error.message}`, { ...error, cause: error });
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a server says
type Answer = Record<string, any>;

async function ask(caller: Caller, request: CallRequest): Promise<{ answer: Answer; token: string | undefined }> {
  const { text, token } = await caller.call(request);
  try {
    const answer = JSON.parse(text);
    if (typeof answer === "object" && answer && (request.what === 1 || typeof answer.id === "string"))
      return { answer, token };
  } catch {}
  throw new TidegateError(
    "The server gave an answer that makes no sense here. Check that the base URL is that of a Trigger.dev API.",
    { code: "protocol", retryable: false, outcome: "unknown" },
  );
}

const DATES = ["createdAt", "updatedAt", "startedAt", "finishedAt", "delayedUntil", "expiredAt"];

function withDates(given: Answer): Answer {
  const run = { ...given };
  for (const name of DATES) if (run[name]) run[name] = new Date(run[name]);
  return run;
}

function checkTrigger({ tags = [], concurrency = [], idempotencyKey = "", delay, metadata }: TriggerOptions): void {
  const list = [tags].flat();
  checkStrings("tags", list);
  if (list.length > 10) throw invalidOptions(`A run can have 10 tags, and these are ${list.length}.`);
  const tooLong = list.find((tag) => tag.length > 128);
  if (tooLong)
    throw invalidOptions(`A tag has at most 128 characters; "${tooLong.slice(0, 20)}…" has ${tooLong.length}.`);
  checkStrings("concurrency", [concurrency].flat());
  if ([concurrency].flat().length > 2) throw invalidOptions("concurrency takes at most two named limits.");
  checkStrings("idempotencyKey", [idempotencyKey].flat());
  if (idempotencyKey.length === 0 && idempotencyKey !== "") throw invalidOptions("idempotencyKey is an empty array.");
  if (delay instanceof Date && Number.isNaN(delay.getTime()))
    throw invalidOptions("delay is a date that does not exist.");
  if (metadata !== undefined && (typeof metadata !== "object" || !metadata || Array.isArray(metadata))) {
    throw invalidData("cannot be the metadata of a run", "metadata are an object, such as { step: 1 }");
  }
}

/** What is not a hash already becomes one, as the official packages make it where no task is running. */
async function toIdempotencyKey(given: string | string[] | undefined): Promise<string | undefined> {
  if (!given || given.length === 0) return undefined;
  if (typeof given === "string" && given.length === 64) return given;
  try {
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode([given].flat().join("-")));
    return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch (cause) {
    throw invalidOptions(
      `idempotencyKey cannot be hashed: ${messageOf(cause)}. Pages need https for it; else pass a hash of 64 characters.`,
    );
  }
}
