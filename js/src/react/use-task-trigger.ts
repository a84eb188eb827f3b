import { useState } from "react";
import type { CallOptions, RunHandle, TriggerOptions } from "../client/calls.js";
import { invalidOptions, type TidegateError } from "../client/errors.js";
import type { AnyTask, TaskIdentifier, TaskPayload } from "../client/runs/task-types.js";
import { callAs } from "../store/call-store.js";
import type { TriggerAuth } from "./provider.js";
import { useCalls } from "./use-calls.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** Options of {@link useTaskTrigger}; what is left out comes from the provider. */
export interface UseTaskTriggerOptions extends TriggerAuth {
  /** Accepted so that existing code compiles; without a token the hook is not ready, and nothing is thrown. */
  enabled?: boolean | undefined;
}

/** A run that has been triggered. */
export interface TaskHandle<TTask extends AnyTask = AnyTask> extends RunHandle<TTask> {
  /** Reads the run and sends to its input streams, for an hour. */
  publicAccessToken: string;
}

/** What {@link useTaskTrigger} returns. Its functions stay the same for the life of the component. */
export interface TriggerInstance<TTask extends AnyTask> {
  /**
   * Triggers the task; how it goes is in `isLoading`, `handle` and `error`. Two calls are two runs, of which the newest is shown: keep
   * the control disabled while `isLoading`, or give both the same `idempotencyKey`.
   */
  readonly submit: (payload: TaskPayload<TTask>, options?: TriggerOptions & CallOptions) => void;
  /** Triggers the task, as `submit` does. Rejects with a {@link TidegateError}, whose `outcome` says whether there can be a run. */
  readonly submitAsync: (
    payload: TaskPayload<TTask>,
    options?: TriggerOptions & CallOptions,
  ) => Promise<TaskHandle<TTask>>;
  /** Whether the newest submit is under way. */
  readonly isLoading: boolean;
  /** The newest run that was triggered here. */
  readonly handle?: TaskHandle<TTask> | undefined;
  /** What went wrong with the newest submit. */
  readonly error?: TidegateError | undefined;
  /** Whether it can be submitted: there is a task id, a token, and nothing wrong with the options. */
  readonly isReady: boolean;
}

/**
 * Triggers a task from the page, with a token that has the scope `trigger:tasks:<task>`.
 *
 * ```tsx
 * import { useTaskTrigger } from "tidegate/react";
 * import type { report } from "./trigger/report";
 *
 * function MakeReport() {
 *   const { submit, handle, isLoading, isReady, error } = useTaskTrigger<typeof report>("report");
 *   return (
 *     <button disabled={!isReady || isLoading} onClick={() => submit({ month: "2026-11" })}>
 *       {error?.message ?? handle?.id ?? "Make the report"}
 *     </button>
 *   );
 * }
 * ```
 *
 * @param id Id of the task.
 * @typeParam TTask The task, as `typeof myTask`: gives the payload its type.
 */
export function useTaskTrigger<TTask extends AnyTask = AnyTask>(
  id: TaskIdentifier<TTask>,
  options: UseTaskTriggerOptions = {},
): TriggerInstance<TTask> {
  const { target, error: targetError, wrong } = useTarget(options);
  const [{ data, error, isLoading }, calls] = useCalls<TaskHandle<TTask>>(id);
  const latest = useLatest({ id, target, targetError, calls });
  const [actions] = useState(() => {
    const submitAsync: TriggerInstance<TTask>["submitAsync"] = (payload, options) => {
      const { id, target, targetError, calls } = latest.current;
      return calls.run(async () => {
        if (!id) throw invalidOptions("There is no task id. Pass the id of the task.");
        if (!target) throw targetError;
        const handle = await callAs(target, ({ triggerTask }, ...as) =>
          triggerTask<TTask>(...as, id, payload, options),
        );
        return handle as TaskHandle<TTask>;
      });
    };
    const submit: TriggerInstance<TTask>["submit"] = (...args) => {
      submitAsync(...args).catch(() => {});
    };
    return { submit, submitAsync };
  });
  return { ...actions, isLoading, handle: data, error: error ?? wrong, isReady: !!id && !!target };
}
