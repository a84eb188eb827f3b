import type { SkipColumn } from "../client/runs/target.js";
import type { AnyTask, TaskIdentifier } from "../client/runs/task-types.js";
import { type UseRealtimeRunInstance, type UseRealtimeSingleRunOptions, useRealtimeRun } from "./use-realtime-run.js";
import { type UseRealtimeRunWithStreamsInstance, useRealtimeRunWithStreams } from "./use-realtime-run-with-streams.js";
import { type TriggerInstance, type UseTaskTriggerOptions, useTaskTrigger } from "./use-task-trigger.js";

/** Options of {@link useRealtimeTaskTrigger} and {@link useRealtimeTaskTriggerWithStreams}. */
export interface UseRealtimeTaskTriggerOptions extends UseTaskTriggerOptions {
  /** False triggers without following the run. Default: true. */
  enabled?: boolean | undefined;
  /** Milliseconds between two updates at least. Default: 16. */
  throttleInMs?: number | undefined;
  /** The older name of `throttleInMs`. */
  experimental_throttleInMs?: number | undefined;
  /** Columns that the server need not send. Default: none. */
  skipColumns?: readonly SkipColumn[] | undefined;
}

/** What {@link useRealtimeTaskTrigger} returns. `error` is that of the run's feed, or of the newest submit. */
export type RealtimeTriggerInstance<TTask extends AnyTask> = UseRealtimeRunInstance<TTask> &
  Omit<TriggerInstance<TTask>, "error">;

/** What {@link useRealtimeTaskTriggerWithStreams} returns. `error` is that of the run, of a stream, or of the newest submit. */
export type RealtimeTriggerInstanceWithStreams<
  TTask extends AnyTask,
  TStreams extends object = Record<string, unknown>,
> = UseRealtimeRunWithStreamsInstance<TTask, TStreams> & Omit<TriggerInstance<TTask>, "error">;

/**
 * Triggers a task and follows its run, with the token that came with it.
 *
 * @param id Id of the task.
 * @typeParam TTask The task, as `typeof myTask`.
 */
export function useRealtimeTaskTrigger<TTask extends AnyTask = AnyTask>(
  id: TaskIdentifier<TTask>,
  options: UseRealtimeTaskTriggerOptions = {},
): RealtimeTriggerInstance<TTask> {
  const { error, ...trigger } = useTaskTrigger<TTask>(id, options);
  const followed = useRealtimeRun<TTask>(trigger.handle?.id, followOptions(options, trigger.handle));
  return { ...followed, ...trigger, error: followed.error ?? error };
}

/**
 * Triggers a task, follows its run and reads all its streams, with the token that came with it.
 *
 * @param id Id of the task.
 * @typeParam TTask The task, as `typeof myTask`.
 * @typeParam TStreams The part type of each stream: `{ ai: string }`.
 */
export function useRealtimeTaskTriggerWithStreams<
  TTask extends AnyTask = AnyTask,
  // biome-ignore lint/suspicious/noExplicitAny: as in the official types, so that unnamed streams can be used as anything.
  TStreams extends object = Record<string, any>,
>(
  id: TaskIdentifier<TTask>,
  options: UseRealtimeTaskTriggerOptions = {},
): RealtimeTriggerInstanceWithStreams<TTask, TStreams> {
  const { error, ...trigger } = useTaskTrigger<TTask>(id, options);
  const { handle } = trigger;
  const followed = useRealtimeRunWithStreams<TTask, TStreams>(handle?.id, followOptions(options, handle));
  return { ...followed, ...trigger, error: followed.error ?? error };
}

function followOptions<TTask extends AnyTask>(
  { experimental_throttleInMs, ...options }: UseRealtimeTaskTriggerOptions,
  handle: TriggerInstance<TTask>["handle"],
): UseRealtimeSingleRunOptions<TTask> {
  const accessToken = handle?.publicAccessToken ?? options.accessToken;
  return { ...options, throttleInMs: options.throttleInMs ?? experimental_throttleInMs, accessToken };
}
