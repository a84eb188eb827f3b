import { useCallback, useSyncExternalStore } from "react";
import type { RetrievedRun } from "../client/calls.js";
import type { TidegateError } from "../client/errors.js";
import type { AnyTask } from "../client/runs/task-types.js";
import { hasFinished } from "../store/has-finished.js";
import { pageRegistry } from "../store/registry.js";
import { NO_RUN, RunPoll, runPollKey } from "../store/run-poll.js";
import type { TriggerAuth } from "./provider.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** Options of {@link useRun}; what is left out comes from the provider. */
export interface UseRunOptions extends TriggerAuth {
  /** Milliseconds between two requests, until the run has finished or been cancelled. Default: 0, which asks once. */
  refreshInterval?: number | undefined;
  /** Asks again when the page is looked at again, at most every five seconds. Default: false. */
  revalidateOnFocus?: boolean | undefined;
  /** Asks again when the browser has its network back. Default: false. */
  revalidateOnReconnect?: boolean | undefined;
  /** False asks nothing. Default: true. */
  enabled?: boolean | undefined;
}

/** What {@link useRun} returns. */
export interface UseRunInstance<TTask extends AnyTask = AnyTask> {
  /** The run as it was last answered. Never that of another id. */
  readonly run: RetrievedRun<TTask> | undefined;
  /** What went wrong the last time. */
  readonly error: TidegateError | undefined;
  /** Whether it is being asked for the first time. */
  readonly isLoading: boolean;
  /** Whether it is being asked for. */
  readonly isValidating: boolean;
  /** Whether there is an `error`. */
  readonly isError: boolean;
  /** Whether the run has come to its end: it has succeeded, failed or been cancelled. */
  readonly isFinished: boolean;
}

/**
 * Asks for a run once, or again and again. Components that ask for the same one share the answers. To follow a run, use
 * `useRealtimeRun`.
 *
 * @typeParam TTask The task, as `typeof myTask`.
 */
export function useRun<TTask extends AnyTask = AnyTask>(
  runId: string | undefined,
  options: UseRunOptions = {},
): UseRunInstance<TTask> {
  const { enabled = true, refreshInterval = 0, revalidateOnFocus = false, revalidateOnReconnect = false } = options;
  const { target, wrong } = useTarget(options);
  const address = enabled && target && runId ? { target, runId } : undefined;
  const key = address && runPollKey(address);
  const latest = useLatest(address);
  const subscribe = useCallback(
    (listener: () => void) => {
      const address = latest.current;
      if (!key || !address) return () => {};
      const registry = pageRegistry();
      const poll = registry.acquire(key, () => new RunPoll(address));
      const unsubscribe = poll.subscribe(listener);
      const leave = poll.join({ refreshInterval, revalidateOnFocus, revalidateOnReconnect });
      return () => {
        unsubscribe();
        leave();
        registry.release(key);
      };
    },
    [key, latest, refreshInterval, revalidateOnFocus, revalidateOnReconnect],
  );
  const getSnapshot = () => (key && pageRegistry().peek<RunPoll>(key)?.getSnapshot()) || NO_RUN;
  const { run, error: pollError, isValidating } = useSyncExternalStore(subscribe, getSnapshot, () => NO_RUN);
  const error = pollError ?? wrong;
  return {
    run: run as RetrievedRun<TTask> | undefined,
    error,
    isLoading: isValidating && !run,
    isValidating,
    isError: !!error,
    isFinished: hasFinished(run),
  };
}
