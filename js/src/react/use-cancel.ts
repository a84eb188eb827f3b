import { useState } from "react";
import type { SendOptions } from "../client/create-client.js";
import type { Send } from "../store/send-store.js";
import { type SingleSend, type UseSingleSendOptions, useSingleSend } from "./use-single-send.js";

/** What {@link useCancel} sends. */
export interface CancelRequest {
  /** Left out where there is none. */
  readonly reason?: string | undefined;
}

/** What {@link useCancel} returns. */
export interface Cancel extends SingleSend {
  /** Asks the task to stop. A second press is the first one. Resolves with how it ended; never rejects. */
  readonly cancel: (reason?: unknown, options?: SendOptions) => Promise<Send<CancelRequest>>;
  /**
   * `requested`: the server has it; when the task stops is up to the task. `already-finished`: there was nothing left to
   * stop. Undefined while it is open, under way, or nobody can tell.
   */
  readonly outcome: "requested" | "already-finished" | undefined;
}

/**
 * Asks a task to stop, by a record on one of its input streams: the task decides what stopping means.
 *
 * ```tsx
 * import { useCancel } from "tidegate/react";
 *
 * function Stop({ runId }: { runId: string | undefined }) {
 *   const { cancel, isOpen, outcome } = useCancel(runId);
 *   return <button disabled={!isOpen} onClick={() => cancel()}>{outcome === "requested" ? "Stopping" : "Stop"}</button>;
 * }
 * ```
 *
 * @param runId Id of the run; while it is undefined there is nothing to cancel.
 * @param options As for `useInputStreamSend`. Default of `streamId`: `cancel`.
 */
export function useCancel(runId: string | undefined, options: UseSingleSendOptions<CancelRequest> = {}): Cancel {
  const { single, only, tooLate, send } = useSingleSend<CancelRequest>(options.streamId ?? "cancel", runId, options);
  // A handler that is passed on as it is gets an event, which is no reason.
  const [cancel] = useState(
    () => (reason?: unknown, options?: SendOptions) =>
      send({ reason: typeof reason === "string" && reason !== "" ? reason : undefined }, options),
  );
  return {
    ...single,
    cancel,
    outcome: tooLate ? "already-finished" : only?.state === "accepted" ? "requested" : undefined,
  };
}
