import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { invalidOptions, type TidegateError } from "../client/errors.js";
import { guard } from "../client/guard.js";
import { startOf } from "../client/stream-start.js";
import { pageRegistry } from "../store/registry.js";
import { IDLE_STREAM, type StreamSnapshot, StreamStore, streamStoreKey } from "../store/stream-store.js";
import type { PartOf, StreamDefinition } from "./definitions.js";
import type { TriggerAuth } from "./provider.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** Options of {@link useRealtimeStream}; what is left out comes from the provider. */
export interface UseRealtimeStreamOptions<T> extends TriggerAuth {
  /** False stops reading and keeps what is there; true again reads anew. Default: true. */
  enabled?: boolean | undefined;
  /** Number of the first part to read, counted from 0. Default: 0. */
  startIndex?: number | undefined;
  /** Resume position from an earlier `lastEventId`. Wins over `startIndex`. */
  lastEventId?: string | undefined;
  /** Seconds without a part after which the server ends one response, 1 to 600; reading goes on. Default: 60. */
  timeoutInSeconds?: number | undefined;
  /** Milliseconds between two updates at least; updates wait for an animation frame. 0: one per arrival. Default: 16. */
  throttleInMs?: number | undefined;
  /** Called once with each part, as it arrives, before it is in `parts`. */
  onData?: ((part: T) => void) | undefined;
  /** Accepted so that existing code compiles; state is shared by address, not by id. */
  id?: string | undefined;
}

/** What {@link useRealtimeStream} returns. */
export interface RealtimeStream<T> extends StreamSnapshot<T> {
  /** Stops reading, for this component, and keeps what is there. Another run, stream or `enabled` starts again. */
  readonly stop: () => void;
}

/** Reads a stream that the task has defined with `streams.define`. */
export function useRealtimeStream<D extends StreamDefinition<never>>(
  stream: D,
  runId: string | undefined,
  options?: UseRealtimeStreamOptions<PartOf<D>>,
): RealtimeStream<PartOf<D>>;
/**
 * Reads a stream of a run by its key: what is there and what comes, over cuts, pauses and expired tokens. Components
 * that read the same one share one connection. A missing run id or token is `idle`, and starts when it arrives.
 */
export function useRealtimeStream<T>(
  runId: string | undefined,
  streamKey: string,
  options?: UseRealtimeStreamOptions<T>,
): RealtimeStream<T>;
/** Reads the run's default stream. */
export function useRealtimeStream<T>(
  runId: string | undefined,
  options?: UseRealtimeStreamOptions<T>,
): RealtimeStream<T>;
export function useRealtimeStream<T>(...args: [unknown, unknown?, unknown?]): RealtimeStream<T> {
  const { runId, streamKey, options } = readArguments<T>(args);
  const { enabled = true, throttleInMs = 16, timeoutInSeconds, onData } = options;
  const { target, error: targetError, shareTabs } = useTarget(options);
  const { start, error: startError } = readStart(options);
  const wrong =
    streamKey === "" ? emptyKey() : (startError ?? (targetError?.code === "invalid-options" ? targetError : undefined));
  const address =
    target && runId && !wrong ? { target, runId, key: streamKey, lastEventId: start, shareTabs } : undefined;
  const key = address && streamStoreKey(address);

  const [stopped, setStopped] = useState<{ key: string; snapshot: StreamSnapshot<T> }>();
  if (stopped && (!enabled || stopped.key !== key)) setStopped(undefined);
  const active = enabled && !stopped ? key : undefined;
  const latest = useLatest({ key, address, timeoutInSeconds, onData });
  const delivered = useRef<{ store?: StreamStore<T>; count: number }>({ count: 0 });

  const subscribe = useCallback(
    (listener: () => void) => {
      const { address, timeoutInSeconds } = latest.current;
      if (active === undefined || !address) return doNothing;
      const store = pageRegistry().acquire(active, () => new StreamStore<T>(address, timeoutInSeconds));
      if (delivered.current.store !== store) delivered.current = { store, count: 0 };
      const onParts = () => {
        const { arrived } = store;
        while (delivered.current.count < arrived.length) {
          const part = arrived[delivered.current.count++] as T;
          guard(() => latest.current.onData?.(part));
        }
      };
      const leave = store.join({ throttleInMs, onParts });
      const unsubscribe = store.subscribe(listener);
      onParts();
      return () => {
        leave();
        unsubscribe();
        pageRegistry().release(active);
      };
    },
    [active, throttleInMs, latest],
  );
  const getSnapshot = () => peek<T>(active)?.getSnapshot() ?? IDLE_STREAM;
  const live: StreamSnapshot<T> = useSyncExternalStore(subscribe, getSnapshot, getIdle);

  const kept = useRef<{ key: string; snapshot: StreamSnapshot<T> }>(undefined);
  useEffect(() => {
    if (active !== undefined) kept.current = { key: active, snapshot: live };
  }, [active, live]);

  const [stop] = useState(() => () => {
    const { key } = latest.current;
    const store = peek<T>(key);
    if (key && store) setStopped({ key, snapshot: { ...store.commit(), status: "ended", endReason: "stopped" } });
  });

  if (wrong) return { ...IDLE_STREAM, status: "failed", error: wrong, stop };
  if (active !== undefined) return { ...live, stop };
  if (stopped) return { ...stopped.snapshot, stop };
  if (key !== undefined && kept.current?.key === key)
    return { ...kept.current.snapshot, status: "idle", error: undefined, stop };
  return { ...IDLE_STREAM, stop };
}

function readArguments<T>([first, second, third]: [unknown, unknown?, unknown?]) {
  const defined = typeof first === "object" && first !== null;
  const runId = (defined ? second : first) as string | undefined;
  const byDefaultKey = !defined && typeof second === "object" && second !== null;
  const options = ((byDefaultKey ? second : third) ?? {}) as UseRealtimeStreamOptions<T>;
  const streamKey = defined ? (first as StreamDefinition<never>).id : typeof second === "string" ? second : "default";
  return { runId, streamKey, options };
}

function readStart(options: UseRealtimeStreamOptions<never>): { start?: string | undefined; error?: TidegateError } {
  try {
    return { start: startOf(options) };
  } catch (error) {
    return { error: error as TidegateError };
  }
}

function emptyKey(): TidegateError {
  return invalidOptions(
    "The stream key is empty. Pass the key the task writes to, or leave it out for the default stream.",
  );
}

function peek<T>(key: string | undefined): StreamStore<T> | undefined {
  return key === undefined ? undefined : pageRegistry().peek<StreamStore<T>>(key);
}

function getIdle(): StreamSnapshot<never> {
  return IDLE_STREAM;
}

function doNothing(): void {}
