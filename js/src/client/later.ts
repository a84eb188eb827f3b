import { loadCore } from "../wasm/load.js";
import { unavailable } from "./engine-failure.js";
import type { Caller, Principal } from "./entries.js";
import { TidegateError } from "./errors.js";
import type { EventPump } from "./event-pump.js";
import type { RunsRequest } from "./runs/follow-runs.js";

// What only some pages use loads when they first use it.

/** Begins to load the core that follows runs and calls, for those who know that they need it next. Where that fails, the pump tells. */
export function warm(): void {
  loadCore(true).catch(() => {});
}

/** {@link followRuns}; what it would throw is told as a failure of the feed. */
export function followLater(pump: EventPump, request: RunsRequest): () => void {
  let unfollow = () => {};
  let stopped = false;
  import("./runs/follow-runs.js")
    .then(({ followRuns }) => {
      if (!stopped) unfollow = followRuns(pump, request);
    })
    .catch((cause) => {
      if (stopped) return;
      const error = cause instanceof TidegateError ? cause : unavailable(cause);
      request.listener.changed({ status: "failed", attempt: 0, error });
    });
  return () => {
    stopped = true;
    unfollow();
  };
}

/** Makes a call, with what makes calls; rejects with a {@link TidegateError}. */
export async function callLater<R>(
  pump: EventPump,
  principal: Principal,
  make: (calls: typeof import("./calls.js"), caller: Caller, principal: Principal) => Promise<R>,
): Promise<R> {
  const calls = await import("./calls.js").catch((cause) => {
    throw unavailable(cause, "rejected");
  });
  return make(calls, calls.callerOf(pump), principal);
}
