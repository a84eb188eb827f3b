import type { StreamUpdate } from "../client/entries.js";
import type { TidegateError } from "../client/errors.js";
import { followLater, warm } from "../client/later.js";
import type { RunsRequest } from "../client/runs/follow-runs.js";
import type { RealtimeRun } from "../client/runs/run.js";
import type { EndReason, StreamStatus } from "../wasm/interface.js";
import { withRuns } from "../wasm/load.js";
import { ExternalStore } from "./external-store.js";
import { schedule } from "./scheduler.js";
import { acquirePrincipal, principalKey, releasePrincipal, type Target } from "./target.js";

/** What is known of a feed of runs. A new object per commit. */
export interface RunsSnapshot {
  /** Where the feed stands, not the run: `idle` means not followed, since something is missing or `enabled` is false. */
  readonly status: "idle" | StreamStatus;
  /** Which attempt to connect this is, counted from 1 since the last one that worked; 0 while connected. */
  readonly attempt: number;
  /** When the next attempt starts, in milliseconds since 1970, while `reconnecting`. */
  readonly nextRetryAt: number | undefined;
  /** Why the feed is over, once `status` is `ended` or `failed`. */
  readonly endReason: EndReason | undefined;
  /** What is wrong, while it is. */
  readonly error: TidegateError | undefined;
  /** Oldest first. A run that did not change is the same object. */
  readonly runs: readonly RealtimeRun[];
}

/** Which runs are followed, and as whom. */
export interface RunsAddress extends Pick<RunsRequest, "target" | "storedPackets"> {
  readonly server: Target;
}

/** Components with the same key share one feed: what they ask for is compared by value, whatever its order. */
export const runsStoreKey = /* @__PURE__ */ withRuns(({ server, target, storedPackets }: RunsAddress): string => {
  const what = Object.entries(target).map(([name, value]) => [name, [...new Set([value ?? []].flat())].sort()]);
  return JSON.stringify(["runs", principalKey(server), what, storedPackets]);
});

/** Of a feed that nobody follows. */
export const IDLE_RUNS: RunsSnapshot = {
  status: "idle",
  attempt: 0,
  nextRetryAt: undefined,
  endReason: undefined,
  error: undefined,
  runs: [],
};

/** One feed of runs, for all components that show it. */
export class RunsStore extends ExternalStore<RunsSnapshot> {
  readonly #server: Target;
  readonly #stop: () => void;
  /** How far apart its users want commits to be, in milliseconds: the shortest wish holds. */
  readonly #throttles = new Set<{ readonly ms: number }>();
  #latest: RunsSnapshot = { ...IDLE_RUNS, status: "connecting" };
  #committedAt = Number.NEGATIVE_INFINITY;
  #cancelCommit: (() => void) | undefined;

  constructor({ server, target, storedPackets }: RunsAddress) {
    super({ ...IDLE_RUNS, status: "connecting" });
    this.#server = server;
    warm();
    const { pump, principal } = acquirePrincipal(server);
    const listener = {
      changed: (update: StreamUpdate) => this.#changed(update),
      runs: (all: readonly RealtimeRun[]) => this.#runs(all),
    };
    this.#stop = followLater(pump, { principal, target, listener, storedPackets });
  }

  /** Takes part in saying how often it commits. */
  join(throttleInMs: number): () => void {
    const wish = { ms: throttleInMs };
    this.#throttles.add(wish);
    return () => this.#throttles.delete(wish);
  }

  dispose(): void {
    this.#cancelCommit?.();
    this.#stop();
    releasePrincipal(this.#server);
  }

  #changed({ status, attempt, retryInMs, endReason, error }: StreamUpdate): void {
    const nextRetryAt = retryInMs === undefined ? undefined : Date.now() + retryInMs;
    this.#latest = { ...this.#latest, status, attempt, nextRetryAt, endReason, error };
    this.#commit();
  }

  #runs(all: readonly RealtimeRun[]): void {
    const runs = [...all].sort((one, other) => bornAt(one) - bornAt(other));
    this.#latest = { ...this.#latest, runs };
    const throttles = Array.from(this.#throttles, ({ ms }) => ms);
    const throttleInMs = throttles.length > 0 ? Math.min(...throttles) : 0;
    const dueInMs = Math.max(0, this.#committedAt + throttleInMs - performance.now());
    if (throttleInMs === 0) this.#commit();
    else this.#cancelCommit ??= schedule(() => this.#commit(), dueInMs);
  }

  #commit(): void {
    this.#cancelCommit?.();
    this.#cancelCommit = undefined;
    this.#committedAt = performance.now();
    this.publish(this.#latest);
  }
}

/** In milliseconds since 1970. Called thousands of times where a long list changes, for which an arithmetic of dates is too slow. */
function bornAt({ createdAt }: RealtimeRun): number {
  return createdAt?.getTime() ?? 0;
}
