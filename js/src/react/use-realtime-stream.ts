import { useCallback, useEffect, useInsertionEffect, useState, useSyncExternalStore } from "react";
import type { ResumeStorage } from "../client/bookmark.js";
import { invalidOptions, type TidegateError } from "../client/errors.js";
import { guard } from "../client/guard.js";
import { type StreamStart, startOf } from "../client/stream-start.js";
import { streamStoreKey } from "../store/stream-store.js";
import { type PlacedPart, type StreamSnapshot, StreamView } from "../store/stream-view.js";
import type { PartOf, StreamDefinition } from "./definitions.js";
import type { TriggerAuth } from "./provider.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** What a component makes of the parts, where it does not want them all. Both options come together. */
export type StreamReduction<T, V> =
  | { reduce?: undefined; initial?: undefined }
  | {
      /**
       * Makes the next value of the last one and a part, as for `Array.prototype.reduce`: it has to be pure. Then the result is in
       * `value`, and parts are not kept unless `maxParts` asks for some. The newest closure is used for each part as it arrives.
       */
      reduce: (value: V, part: T) => V;
      /** The value before the first part, as it is when reading starts. */
      initial: V;
    };

/** Options of {@link useRealtimeStream}; what is left out comes from the provider. */
export interface UseRealtimeStreamOptions<T, V = undefined> extends TriggerAuth {
  /** False stops reading and keeps what is there; true again reads anew. Default: true. */
  enabled?: boolean | undefined;
  /** Number of the first part to read, counted from 0. Default: 0. */
  startIndex?: number | undefined;
  /** Resume position from an earlier `lastEventId`. Wins over `startIndex`. */
  lastEventId?: string | number | undefined;
  /** `"latest"`: only parts written from now on, if neither of the two above says where. On v1 streams, by this device's clock. */
  from?: "start" | "beginning" | "latest" | undefined;
  /**
   * Seconds without a part after which the server ends one response, 1 to 600; reading goes on. Of several components that read the
   * same stream the shortest wish holds. Default: 60.
   */
  timeoutInSeconds?: number | undefined;
  /** Milliseconds between two updates at least; updates wait for an animation frame. 0: one per arrival. Default: 16. */
  throttleInMs?: number | undefined;
  /** Keeps only so many of the newest parts; `dropped` says how many went before them. Default: all, or none with `reduce`. */
  maxParts?: number | undefined;
  /** Called once with each part, as it arrives, before it is in `parts`. */
  onData?: ((part: T) => void) | undefined;
  /** Called with what is new, at most once per update, after `onData`. */
  onParts?: ((parts: PlacedPart<T>[]) => void) | undefined;
  /** Called once when the run has finished and everything it wrote is here. */
  onComplete?: ((stream: StreamSnapshot<T, V>) => void) | undefined;
  /**
   * Goes on after a reload where this page was: in this tab (`session`), in every tab of the origin (`local`), or wherever a storage
   * of your own keeps it. With `reduce` the value goes on, which has to be plain JSON; without it, only later parts come. Nothing is
   * kept of a stream that has ended, and never a token. The code for it loads when it is first used. Default: a reload reads anew.
   */
  resume?: "session" | "local" | ResumeStorage | undefined;
  /** With `resume`: tells apart what several components make of one stream. State is shared by address, not by id. */
  id?: string | undefined;
}

/** What {@link useRealtimeStream} returns. */
export interface RealtimeStream<T, V = undefined> extends StreamSnapshot<T, V> {
  /** Stops reading, for this component, and keeps what is there. Another run, stream or `enabled` starts again. */
  readonly stop: () => void;
}

/** The name of {@link RealtimeStream} in the official package. */
export type UseRealtimeStreamInstance<T> = RealtimeStream<T>;

/** Reads a stream that the task has defined with `streams.define`. */
export function useRealtimeStream<D extends StreamDefinition<never>, V = undefined>(
  stream: D,
  runId: string | undefined,
  options?: UseRealtimeStreamOptions<PartOf<D>, V> & StreamReduction<PartOf<D>, V>,
): RealtimeStream<PartOf<D>, V>;
/**
 * Reads a stream of a run by its key: what is there and what comes, over cuts, pauses and expired tokens. Components
 * that read the same one share one connection. A missing run id or token is `idle`, and starts when it arrives.
 *
 * ```tsx
 * import { type PartOf, useRealtimeStream } from "tidegate/react";
 * import type { replies } from "./trigger/chat";
 *
 * function Reply({ runId }: { runId: string | undefined }) {
 *   const { parts, status, error } = useRealtimeStream<PartOf<typeof replies>>(runId, "replies");
 *   return <p aria-busy={status === "live"}>{error?.message ?? parts.join("")}</p>;
 * }
 * ```
 *
 * @typeParam T What one part is; of a stream that the task defines, `PartOf<typeof definition>`.
 * @typeParam V What `reduce` makes of the parts.
 */
export function useRealtimeStream<T, V = undefined>(
  runId: string | undefined,
  streamKey: string,
  options?: UseRealtimeStreamOptions<T, V> & StreamReduction<T, V>,
): RealtimeStream<T, V>;
/** Reads the run's default stream. */
export function useRealtimeStream<T, V = undefined>(
  runId: string | undefined,
  options?: UseRealtimeStreamOptions<T, V> & StreamReduction<T, V>,
): RealtimeStream<T, V>;
export function useRealtimeStream<T, V>(...args: [unknown, unknown?, unknown?]): RealtimeStream<T, V> {
  const { runId, streamKey, options } = readArguments<T, V>(args);
  const {
    enabled = true,
    throttleInMs = 16,
    timeoutInSeconds,
    reduce,
    maxParts,
    onData,
    onParts,
    onComplete,
  } = options;
  const limit = maxParts ?? (reduce ? 0 : Number.POSITIVE_INFINITY);
  const { target, wrong: wrongTarget, shareTabs } = useTarget(options);
  const { start, error: startError } = readStart(options);
  const wrong = streamKey === "" ? emptyKey() : (startError ?? wrongTarget);
  const reduces = !!reduce;
  const resume = options.resume && { storage: options.resume, id: options.id, reduces };
  const address =
    target && runId && !wrong ? { target, runId, key: streamKey, lastEventId: start, resume, shareTabs } : undefined;
  const key = address && streamStoreKey(address);

  const viewOptions = { throttleInMs, timeoutInSeconds, limit, reduce, initial: options.initial as V, onData, onParts };
  const [view] = useState(() => new StreamView<T, V>(viewOptions));
  const [stopped, setStopped] = useState<{ key: string; snapshot: StreamSnapshot<T, V> }>();
  if (stopped && (!enabled || stopped.key !== key)) setStopped(undefined);
  const active = enabled && !stopped ? key : undefined;
  const latest = useLatest({ key, address, onComplete });
  useInsertionEffect(() => {
    view.options = viewOptions;
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: what the view reads from its options is a reason to join anew.
  const subscribe = useCallback(
    (listener: () => void) => {
      const { address } = latest.current;
      return active === undefined || !address ? doNothing : view.open(active, address, listener);
    },
    [active, view, latest, throttleInMs, timeoutInSeconds, limit, reduces],
  );
  const [getIdle] = useState(() => () => view.getSnapshot(undefined));
  const live = useSyncExternalStore(subscribe, () => view.getSnapshot(active), getIdle);

  const [completed] = useState(() => new Set<string | undefined>());
  useEffect(() => {
    if (live.endReason !== "run-finished" || completed.has(active)) return;
    completed.add(active);
    guard(() => latest.current.onComplete?.(live));
  }, [active, live, latest, completed]);

  const [stop] = useState(() => () => {
    const { key } = latest.current;
    if (!key || !view.isOpen(key)) return;
    setStopped({ key, snapshot: { ...view.commit(), status: "ended", endReason: "stopped" } });
  });

  if (wrong) return { ...live, status: "failed", error: wrong, stop };
  if (active !== undefined) return { ...live, stop };
  if (stopped) return { ...stopped.snapshot, stop };
  return { ...view.kept(key), status: "idle", error: undefined, stop };
}

function readArguments<T, V>([first, second, third]: [unknown, unknown?, unknown?]) {
  const defined = typeof first === "object" && first !== null;
  const runId = (defined ? second : first) as string | undefined;
  const byDefaultKey = !defined && typeof second === "object" && second !== null;
  const options = ((byDefaultKey ? second : third) ?? {}) as UseRealtimeStreamOptions<T, V> & StreamReduction<T, V>;
  const streamKey = defined ? (first as StreamDefinition<never>).id : typeof second === "string" ? second : "default";
  return { runId, streamKey, options };
}

function readStart(options: StreamStart & { maxParts?: number | undefined }): {
  start?: string | undefined;
  error?: TidegateError;
} {
  const { maxParts = 0 } = options;
  try {
    if (!(maxParts >= 0)) throw invalidOptions(`maxParts must be 0 or more, not ${maxParts}.`);
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

function doNothing(): void {}
