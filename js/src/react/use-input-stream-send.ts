import { useCallback, useEffect, useId, useState, useSyncExternalStore } from "react";
import type { Receipt, SendOptions } from "../client/create-client.js";
import { invalidOptions, type TidegateError } from "../client/errors.js";
import type { StandardSchema } from "../client/schema.js";
import { pageRegistry } from "../store/registry.js";
import {
  type Dedupe,
  IDLE_SENDS,
  type Send,
  type SendAddress,
  type SendSnapshot,
  SendStore,
  sendStoreKey,
} from "../store/send-store.js";
import type { InputData } from "./definitions.js";
import type { TriggerAuth } from "./provider.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** Options of {@link useInputStreamSend}; what is left out comes from the provider. */
export interface UseInputStreamSendOptions<T = unknown> extends TriggerAuth {
  /** False makes the hook not ready. Default: true. */
  enabled?: boolean | undefined;
  /**
   * What a call does while an earlier one with the same data is under way: `while-pending` joins it, so that a double
   * click is one request; `none` sends it as well. `once` joins whatever data to any earlier send, unless that was
   * certainly not taken by a run that goes on: for questions with one answer. Default: `while-pending`.
   */
  dedupe?: Dedupe | undefined;
  /**
   * Takes back what this component has queued when it unmounts; what has left goes on. Default: false, so that an answer
   * is not lost with the dialog it was given in.
   */
  cancelOnUnmount?: boolean | undefined;
  /**
   * Checks the data of each send before anything is loaded or sent, at once or later; sends keep their order meanwhile.
   * What does not fit ends as `rejected` with the code `invalid-data` and a message that names each issue. The data
   * leave as they were given: what the schema would change or add is left to the task. Default: no check.
   */
  schema?: StandardSchema<T> | undefined;
}

/** What {@link useInputStreamSend} returns. All functions stay the same for the life of the component. */
export interface InputStreamSend<T> extends SendSnapshot<T> {
  /**
   * Sends. Never throws and never rejects: resolves with the settled send, whose `state` and `error` tell the outcome.
   * `signal` cancels it while it is queued and gives it up as `unknown` on its way, unless another call has joined it.
   */
  readonly send: (data: T, options?: SendOptions) => Promise<Send<T>>;
  /** Sends, as `send` does. Rejects with a {@link TidegateError} unless the server has taken it. */
  readonly sendAsync: (data: T, options?: SendOptions) => Promise<Receipt>;
  /** Whether a send can be made: there is a run id, a token, and nothing wrong with the options. */
  readonly isReady: boolean;
  /** Queues a send that was not accepted again: by id, or the newest one. */
  readonly retry: (id?: number, options?: SendOptions) => void;
  /** Cancels by id, or all that is under way. A send that has already left ends as `unknown`. */
  readonly cancel: (id?: number) => void;
  /** Forgets settled sends: back to `idle` if nothing is under way. */
  readonly reset: () => void;
}

/** The name of {@link InputStreamSend} in the official package. */
export type InputStreamSendInstance<T> = InputStreamSend<T>;

/**
 * Sends data into a running task. The state belongs to server, run, stream and token identity: components with the same
 * ones share it, and another run never shows it. A send goes on when the component is gone.
 *
 * ```tsx
 * import { useInputStreamSend } from "tidegate/react";
 *
 * function Approve({ runId }: { runId: string | undefined }) {
 *   const { send, isReady, status, error } = useInputStreamSend<{ approved: boolean }>("approval", runId);
 *   return (
 *     <>
 *       <button disabled={!isReady || status !== "idle"} onClick={() => send({ approved: true })}>Approve</button>
 *       {error && <p role="alert">{error.message}</p>}
 *     </>
 *   );
 * }
 * ```
 *
 * @typeParam T The data, or the type of an input stream definition: `useInputStreamSend<typeof approval>("approval", runId)`.
 * @param streamId Id of the input stream, as the task defines it.
 * @param runId Id of the run; while it is undefined the hook is not ready.
 */
export function useInputStreamSend<T>(
  streamId: string,
  runId?: string,
  options: UseInputStreamSendOptions<InputData<T>> = {},
): InputStreamSend<InputData<T>> {
  type Data = InputData<T>;
  const { enabled = true, dedupe = "while-pending", cancelOnUnmount, schema } = options;
  const { target, error: targetError, wrong, ...outbox } = useTarget(options);
  const address = enabled && target && runId && streamId ? { target, runId, streamId, ...outbox } : undefined;
  const obstacle = address ? undefined : obstacleOf(enabled, runId, streamId, targetError);
  const ownKey = useId();
  const key = address ? sendStoreKey(address) : `not-ready:${ownKey}`;
  const latest = useLatest({ key, address, obstacle, dedupe, cancelOnUnmount, schema });

  const subscribe = useCallback(
    (listener: () => void) => {
      const { address } = latest.current;
      const unsubscribe = acquire<Data>(key, address).subscribe(listener);
      return () => {
        unsubscribe();
        pageRegistry().release(key);
      };
    },
    [key, latest],
  );
  const getSnapshot = () => pageRegistry().peek<SendStore<Data>>(key)?.getSnapshot() ?? IDLE_SENDS;
  const snapshot: SendSnapshot<Data> = useSyncExternalStore(subscribe, getSnapshot, getIdle);

  const [{ leave, ...actions }] = useState(() => {
    let mounted = new AbortController();
    const store = () => pageRegistry().peek<SendStore<Data>>(latest.current.key);
    const send = async (data: Data, options?: SendOptions) => {
      const { key, address, obstacle, dedupe, schema } = latest.current;
      const used = acquire<Data>(key, address);
      try {
        const wishes = { signal: options?.signal, queuedSignal: mounted.signal, schema };
        return await (obstacle ? used.refuse(data, obstacle) : used.send(data, dedupe, wishes));
      } finally {
        pageRegistry().release(key);
      }
    };
    const sendAsync = async (data: Data, options?: SendOptions): Promise<Receipt> => {
      const { address } = latest.current;
      const { state, attempt, error } = await send(data, options);
      if (state !== "accepted" || !address) throw error;
      return { runId: address.runId, streamId: address.streamId, attempts: attempt };
    };
    return {
      send,
      sendAsync,
      retry: (id?: number, options?: SendOptions) =>
        store()?.retry(id, { signal: options?.signal, queuedSignal: mounted.signal }),
      cancel: (id?: number) => store()?.cancel(id),
      reset: () => store()?.reset(),
      leave: () => {
        mounted.abort();
        mounted = new AbortController();
      },
    };
  });
  useEffect(
    () => () => {
      if (latest.current.cancelOnUnmount) leave();
    },
    [latest, leave],
  );

  return { ...snapshot, error: snapshot.error ?? wrong, isReady: address !== undefined, ...actions };
}

function acquire<T>(key: string, address: SendAddress | undefined): SendStore<T> {
  return pageRegistry().acquire(key, () => new SendStore<T>(address));
}

function getIdle(): SendSnapshot<never> {
  return IDLE_SENDS;
}

function obstacleOf(
  enabled: boolean,
  runId: string | undefined,
  streamId: string,
  targetError: TidegateError | undefined,
): TidegateError {
  if (!streamId) return invalidOptions("There is no stream id. Pass the id of the input stream.");
  if (!enabled) return invalidOptions("It is switched off (enabled: false), so nothing was sent.");
  if (!runId)
    return invalidOptions(
      "There is no run id yet, so nothing was sent. Keep the control disabled until isReady is true.",
    );
  return targetError as TidegateError;
}
