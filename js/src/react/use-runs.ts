import { useCallback, useState, useSyncExternalStore } from "react";
import type { TidegateError } from "../client/errors.js";
import type { RunsTarget, SkipColumn } from "../client/runs/target.js";
import { type RunsSnapshot, runsStoreKey } from "../store/runs-store.js";
import { RunsView, type Select } from "../store/runs-view.js";
import type { TriggerAuth } from "./provider.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** Options of every hook that follows runs; what is left out comes from the provider. */
export interface UseRealtimeRunOptions extends TriggerAuth {
  /** Accepted so that existing code compiles: components share what they follow by its address. */
  id?: string | undefined;
  /** False stops following and keeps what is there. Default: true. */
  enabled?: boolean | undefined;
  /**
   * Milliseconds between two updates at least; updates wait for an animation frame. 0: one per arrival. Of several components that
   * follow the same runs the shortest wish holds. Default: 16.
   */
  throttleInMs?: number | undefined;
  /**
   * Columns that the server need not send; what comes of them is undefined or empty. Without `completedAt` a single run is followed
   * for ever. Compared by value. Default: none.
   */
  skipColumns?: readonly SkipColumn[] | undefined;
  /**
   * What is done with payloads and outputs that lie in the object store. `load`: the run comes at once without them, and again when
   * they are here. `on-demand`: only its `loadPayload()` and `loadOutput()` fetch them. Default: `load`.
   */
  storedPackets?: "load" | "on-demand" | undefined;
}

/** What every hook that follows runs returns. */
export interface Feed {
  /** Where the connection stands: `idle` means not followed, since something is missing or `enabled` is false. */
  readonly status: RunsSnapshot["status"];
  /** Which attempt to connect this is, counted from 1 since the last one that worked; 0 while connected. */
  readonly attempt: RunsSnapshot["attempt"];
  /** When the next attempt starts, in milliseconds since 1970, while `reconnecting`. */
  readonly nextRetryAt: RunsSnapshot["nextRetryAt"];
  /** Why it is over, once `status` is `ended` or `failed`. */
  readonly endReason: RunsSnapshot["endReason"];
  /** What is wrong, while it is. */
  readonly error: TidegateError | undefined;
  /** Stops following, for this component, and keeps what is there. Another run, tag, batch or `enabled` starts again. */
  readonly stop: () => void;
}

/** What a component shows of a feed. */
export type Shown = Omit<Feed, "stop">;

/** What is no longer so when nobody follows. */
const OVER = { attempt: 0, nextRetryAt: undefined, endReason: undefined, error: undefined };

/** Follows what `target` names, if it names something, and shows of it what `select` picks: one function for the hook's life. */
export function useRuns<S extends Shown>(
  target: RunsTarget | undefined,
  options: UseRealtimeRunOptions,
  select: Select<S>,
): { shown: S; stop: () => void; isActive: boolean } {
  const { enabled = true, throttleInMs = 16, storedPackets } = options;
  const { target: server, wrong } = useTarget(options);
  const address = target && server && { server, target, storedPackets };
  const key = address && runsStoreKey(address);

  const [view] = useState(() => new RunsView(select));
  const [stopped, setStopped] = useState<{ key: string; shown: S }>();
  if (stopped && (!enabled || stopped.key !== key)) setStopped(undefined);
  const active = enabled && !stopped ? key : undefined;
  const latest = useLatest({ active, address });

  const subscribe = useCallback(
    (listener: () => void) => {
      const { address } = latest.current;
      return active && address ? view.open(active, address, throttleInMs, listener) : () => {};
    },
    [active, view, latest, throttleInMs],
  );
  const live = useSyncExternalStore(
    subscribe,
    () => view.getSnapshot(active),
    () => view.idle,
  );

  const [stop] = useState(() => () => {
    const { active: key } = latest.current;
    if (!key || !view.isOpen(key)) return;
    setStopped({ key, shown: { ...view.getSnapshot(key), ...OVER, status: "ended", endReason: "stopped" } });
  });

  let shown = live;
  if (wrong) shown = { ...view.idle, status: "failed", error: wrong };
  else if (stopped) shown = stopped.shown;
  else if (!active) shown = { ...view.kept(key), ...OVER, status: "idle" };
  return { shown, stop, isActive: active !== undefined };
}
