import { useCallback, useState, useSyncExternalStore } from "react";
import type { RealtimeRun } from "../client/runs/run.js";
import type { AnyTask } from "../client/runs/task-types.js";
import { RunStreams } from "../store/run-streams.js";
import { streamStoreKey } from "../store/stream-store.js";
import { useLatest } from "./use-latest.js";
import { type UseRealtimeRunInstance, type UseRealtimeSingleRunOptions, useOneRun } from "./use-realtime-run.js";
import { useTarget } from "./use-target.js";

/** The parts of each stream, by its key. */
export type StreamResults<TStreams extends object> = { [K in keyof TStreams]: TStreams[K][] };

/** What {@link useRealtimeRunWithStreams} returns. */
export interface UseRealtimeRunWithStreamsInstance<
  TTask extends AnyTask = AnyTask,
  TStreams extends object = Record<string, unknown>,
> extends UseRealtimeRunInstance<TTask> {
  /** What the run has written so far, by stream; a stream is there from its first part on. Never those of another run. */
  readonly streams: StreamResults<TStreams>;
}

/**
 * Follows a run and reads all its output streams from their beginning: those that its metadata names in `$$streams`, else those of
 * `realtimeStreams`. `error` is that of the run, or of the first stream that has one.
 *
 * @typeParam TTask The task, as `typeof myTask`.
 * @typeParam TStreams The part type of each stream: `{ ai: string }`.
 */
export function useRealtimeRunWithStreams<
  TTask extends AnyTask = AnyTask,
  // biome-ignore lint/suspicious/noExplicitAny: as in the official types, so that unnamed streams can be used as anything.
  TStreams extends object = Record<string, any>,
>(
  runId?: string,
  options: UseRealtimeSingleRunOptions<TTask> = {},
): UseRealtimeRunWithStreamsInstance<TTask, TStreams> {
  const { isActive, ...followed } = useOneRun<TTask>(runId, options);
  const { throttleInMs = 16 } = options;
  const { target, shareTabs } = useTarget(options);
  const keys = streamKeysOf(followed.run);
  const addresses =
    isActive && runId && target ? keys.map((key) => ({ target, runId, key, lastEventId: undefined, shareTabs })) : [];
  const identity = JSON.stringify(addresses.map(streamStoreKey));

  const [view] = useState(() => new RunStreams());
  const latest = useLatest(addresses);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another identity is other addresses.
  const subscribe = useCallback(
    (listener: () => void) => view.open(latest.current, throttleInMs, listener),
    [identity, view, latest, throttleInMs],
  );
  const getSnapshot = () => view.getSnapshot(runId, addresses);
  const { streams, error } = useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
  return { ...followed, error: followed.error ?? error, streams: streams as StreamResults<TStreams> };
}

function streamKeysOf(run: RealtimeRun | undefined): string[] {
  const named = run?.metadata?.$$streams;
  const isList = Array.isArray(named) && named.every((key) => typeof key === "string");
  const keys = isList ? (named as string[]) : (run?.realtimeStreams ?? []);
  return [...new Set(keys)].filter(Boolean);
}
