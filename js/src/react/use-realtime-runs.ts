import type { RealtimeRun } from "../client/runs/run.js";
import type { AnyTask } from "../client/runs/task-types.js";
import type { RunsSnapshot } from "../store/runs-store.js";
import { type Feed, type UseRealtimeRunOptions, useRuns } from "./use-runs.js";

/** Options of {@link useRealtimeRunsWithTag}. */
export interface UseRealtimeRunsWithTagOptions extends UseRealtimeRunOptions {
  /** How old runs can be at most when following starts, such as `30m`, `1h` or `1d`. Default, and most: 24 hours. */
  createdAt?: string | undefined;
}

/** What {@link useRealtimeRunsWithTag} and {@link useRealtimeBatch} return. */
export interface UseRealtimeRunsInstance<TTask extends AnyTask = AnyTask> extends Feed {
  /** Oldest first. The same array until a run has changed; a run that has not changed is the same object. */
  readonly runs: RealtimeRun<TTask>[];
}

/**
 * Follows the runs that have a tag, or all of several; an empty array stands for every run that the token may read. However many rows
 * come at once, the component renders once. A tag that is undefined or empty is `idle`.
 *
 * @param tag Compared by value; the order of several does not matter.
 * @typeParam TTask The task, as `typeof myTask`.
 */
export function useRealtimeRunsWithTag<TTask extends AnyTask = AnyTask>(
  tag: string | readonly string[] | undefined,
  options: UseRealtimeRunsWithTagOptions = {},
): UseRealtimeRunsInstance<TTask> {
  const { createdAt, skipColumns } = options;
  return useSeveral<TTask>(tag ? { tags: tag, createdAt, skipColumns } : undefined, options);
}

/**
 * Follows the runs of a batch. A missing batch id or token is `idle`, and starts when it arrives.
 *
 * @typeParam TTask The task, as `typeof myTask`.
 */
export function useRealtimeBatch<TTask extends AnyTask = AnyTask>(
  batchId: string | undefined,
  options: UseRealtimeRunOptions = {},
): UseRealtimeRunsInstance<TTask> {
  return useSeveral<TTask>(batchId ? { batchId, skipColumns: options.skipColumns } : undefined, options);
}

function useSeveral<TTask extends AnyTask>(
  target: Parameters<typeof useRuns>[0],
  options: UseRealtimeRunOptions,
): UseRealtimeRunsInstance<TTask> {
  const { shown, stop } = useRuns(target, options, pickRuns);
  return { ...shown, stop } as UseRealtimeRunsInstance<TTask>;
}

function pickRuns(snapshot: RunsSnapshot) {
  return { ...snapshot };
}
