import type { Principal, StreamUpdate } from "../entries.js";
import type { EventPump } from "../event-pump.js";
import type { RealtimeRun } from "./run.js";
import { type RunsTarget, toAddress } from "./target.js";

/** Hears of the runs of a feed. */
export interface RunsListener {
  /** After the end of a feed nothing follows; what it is the end of has been told before. */
  changed(update: StreamUpdate): void;
  /**
   * Every run of the feed, in the order in which they first came, and those that are new or have changed. A run that has not changed
   * is the same object.
   */
  runs(all: readonly RealtimeRun[], changed: readonly RealtimeRun[]): void;
}

/** What to follow, and how. */
export interface RunsRequest {
  readonly principal: Principal;
  readonly target: RunsTarget;
  readonly listener: RunsListener;
  /**
   * What is done with payloads and outputs that lie in the object store. `load`: a run is told without them, and again when they have
   * come. `on-demand`: only `loadPayload()` and `loadOutput()` ask for them. Default: `load`.
   */
  readonly storedPackets?: "load" | "on-demand" | undefined;
}

/** Follows runs until the returned function is called; nothing is told after that. Throws `invalid-options`. */
export function followRuns(pump: EventPump, { principal, target, listener }: RunsRequest): () => void {
  const rows = () => listener.runs([], []);
  return pump.follow({ principal, address: toAddress(target), listener: { changed: listener.changed, rows } });
}
