import { useState } from "react";
import type { SendOptions } from "../client/create-client.js";
import type { TidegateError } from "../client/errors.js";
import { isConclusive, type Send, type SendSnapshot } from "../store/send-store.js";
import type { WaitingFor } from "../wasm/interface.js";
import { type UseInputStreamSendOptions, useInputStreamSend } from "./use-input-stream-send.js";
import { useLatest } from "./use-latest.js";

/** Options of {@link useApproval} and {@link useCancel}; what is left out comes from the provider. */
export interface UseSingleSendOptions<T> extends Omit<UseInputStreamSendOptions<T>, "dedupe"> {
  /** Id of the input stream, as the task defines it. */
  streamId?: string | undefined;
}

/** What a handler is called with: `onClick={approval.retry}`. */
export interface HandlerEvent {
  readonly type: string;
}

/** What {@link useApproval} and {@link useCancel} have in common. All functions stay the same over renders. */
export interface SingleSend {
  /** Whether it can be sent now: there is a run id and a token, and nothing has been sent that may count. */
  readonly isOpen: boolean;
  /** Of the newest attempt, as in `useInputStreamSend`: `rejected` was certainly not taken, `unknown` may have been. */
  readonly status: SendSnapshot<unknown>["status"];
  /** Why it has not left yet, while it is queued; `online` is the person's to know. */
  readonly waitingFor: WaitingFor | undefined;
  /** What went wrong with the newest attempt. */
  readonly error: TidegateError | undefined;
  /** Sends again what has an unknown outcome. The task may then see it twice. As a handler it may be given an event, which says nothing. */
  readonly retry: (options?: SendOptions | HandlerEvent) => void;
  /** Takes it back while it is queued: it is open again. */
  readonly takeBack: () => void;
}

/** A stream that takes one send: the first that is under way or may have arrived is the only one. */
export function useSingleSend<T>(streamId: string, runId: string | undefined, options: UseSingleSendOptions<T>) {
  const once = { ...options, dedupe: "once" } as UseInputStreamSendOptions<never>;
  const sending = useInputStreamSend<T>(streamId, runId, once);
  const { sends, status, error, isReady, send } = sending;
  const only = (sends as readonly Send<T>[]).find(isConclusive);
  // The id of one that was sent again: that the run has finished since may be its own doing.
  const [doubtful, setDoubtful] = useState<number>();
  const latest = useLatest({ only, sending });

  const [{ retry, takeBack }] = useState(() => ({
    retry: (options?: SendOptions | HandlerEvent) => {
      const { only, sending } = latest.current;
      if (only?.state !== "unknown") return;
      setDoubtful(only.id);
      sending.retry(only.id, options as SendOptions | undefined);
    },
    takeBack: () => {
      const { only, sending } = latest.current;
      if (only?.state === "queued") sending.cancel(only.id);
    },
  }));

  const tooLate = only?.error?.code === "run-finished" && only.id !== doubtful;
  const isOpen = isReady && !only;
  const single: SingleSend = { isOpen, status, waitingFor: only?.waitingFor, error, retry, takeBack };
  return { single, only, tooLate, send: send as (data: T, options?: SendOptions) => Promise<Send<T>> };
}
