import type { CallOptions, TriggerOptions } from "../client/calls.js";
import { invalidOptions } from "../client/errors.js";
import { checkName } from "../client/options.js";
import { backendOf, type TriggeredRun } from "../server/backend.js";
import { configuration } from "../server/configuration.js";
import { currentRun } from "./run-context.js";

/** How often a task is tried, and when. The nth pause is `minTimeoutInMs * factor ** (n - 1)`, at most `maxTimeoutInMs`. */
export interface RetryOptions {
  /** The first attempt included. Default: 3. */
  maxAttempts?: number | undefined;
  /** Default: 1000. */
  minTimeoutInMs?: number | undefined;
  /** Default: 60 000. */
  maxTimeoutInMs?: number | undefined;
  /** Default: 2. */
  factor?: number | undefined;
  /** Makes each pause up to twice as long, by chance. Default: true. */
  randomize?: boolean | undefined;
}

/** What a task knows of the run that it is. */
export interface TaskContext {
  readonly task: { readonly id: string };
  readonly attempt: {
    /** From 1 on. A run that has waited and is started again from the top, because its worker was, is still in the same attempt. */
    readonly number: number;
  };
  readonly run: {
    /** Such as `run_1234`. */
    readonly id: string;
    readonly tags: string[];
    readonly isTest: boolean;
    readonly createdAt: Date;
    /** When its first attempt began. */
    readonly startedAt: Date;
    /** The run that triggered it, and the first of its line: undefined where no run did. */
    readonly parentId: string | undefined;
    readonly rootId: string | undefined;
  };
}

/** What `run` gets besides the payload. */
export interface RunParameters {
  readonly ctx: TaskContext;
  /** Aborted when the run is cancelled, takes longer than `maxDuration`, or is not this process's any more: stop then. */
  readonly signal: AbortSignal;
}

/** How a task is defined. */
export interface TaskOptions<Id extends string, Payload, Output> {
  /** By which it is triggered. */
  id: Id;
  /**
   * The task. What it returns is the output of the run, what it throws fails the attempt. Dates, maps and sets keep their types on both
   * ways.
   *
   * It is called from the top again for another attempt, and when its worker was stopped or died while the run waited. Waits that have
   * ended by then answer at once with what they ended with, in the order in which they were made; whatever else the code does, it does
   * again. So it should make the same waits in the same order each time, and what must not happen twice should carry an idempotency
   * key, or look whether it has been done, as in the run's metadata.
   */
  run(payload: Payload, parameters: RunParameters): Output | Promise<Output>;
  retry?: RetryOptions | undefined;
  /** Seconds that an attempt may execute; time in waits does not count. It then ends as `TIMED_OUT`. Default: no limit. */
  maxDuration?: number | undefined;
}

/** A task: its definition, and the way to trigger it. */
export interface Task<Id extends string = string, Payload = unknown, Output = unknown> {
  readonly id: Id;
  readonly retry: RetryOptions | undefined;
  readonly maxDuration: number | undefined;
  /** The function that it was defined with: called directly, it is no run. */
  run(payload: Payload, parameters: RunParameters): Output | Promise<Output>;
  /**
   * Triggers a run, as `trigger` of `tidegate/server` does. Inside a run, with the key and at the server of its worker, and as its child;
   * a run that is executed again triggers again, unless there is an `idempotencyKey`. Rejects with a {@link TidegateError}.
   */
  trigger(payload: Payload, options?: TriggerOptions & CallOptions): Promise<TriggeredRun<Task<Id, Payload, Output>>>;
}

/** A task of any payload. */
// biome-ignore lint/suspicious/noExplicitAny: tasks of all payloads have to fit
export type ServedTask = Task<string, any, unknown>;

/**
 * Defines a task, for `serve` to execute and for anyone to trigger. Throws `invalid-options`.
 *
 * ```ts
 * import { task } from "tidegate/task";
 *
 * export const hello = task({ id: "hello", run: async (name: string) => `Hello, ${name}` });
 * ```
 */
export function task<const Id extends string, Payload = void, Output = void>(
  options: TaskOptions<Id, Payload, Output>,
): Task<Id, Payload, Output> {
  const { id, run, retry, maxDuration } = options;
  checkName("id of a task", id, 'Pass one, as in task({ id: "order", run }).');
  if (typeof run !== "function")
    throw invalidOptions(`The task "${id}" has no run. Pass a function, as in { id, run }.`);
  checkRetry(id, retry);
  if (maxDuration !== undefined && !(maxDuration > 0))
    throw invalidOptions(`maxDuration of the task "${id}" must be a number of seconds above 0.`);
  const made: Task<Id, Payload, Output> = {
    id,
    retry,
    maxDuration,
    run,
    trigger: (payload, given) => {
      const parent = currentRun();
      const backend = backendOf(() => parent?.backend ?? configuration());
      const withParent = { ...given, ...(parent && { parentRunId: parent.runId }) };
      return backend.trigger<typeof made>(id, payload as never, withParent);
    },
  };
  return made;
}

function checkRetry(id: string, retry: RetryOptions = {}): void {
  const { maxAttempts = 1, minTimeoutInMs = 0, maxTimeoutInMs = 0, factor = 1 } = retry;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1)
    throw invalidOptions(`retry.maxAttempts of the task "${id}" must be a whole number from 1 on.`);
  if (![minTimeoutInMs, maxTimeoutInMs, factor].every((given) => Number.isFinite(given) && given >= 0))
    throw invalidOptions(`retry of the task "${id}" must have numbers that are not below 0.`);
}
