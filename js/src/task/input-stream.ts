import { invalidOptions, TidegateError } from "../client/errors.js";
import { checkName } from "../client/options.js";
import { createBackend } from "../server/backend.js";
import { configuration } from "../server/configuration.js";
import { onAbort } from "../server/on-abort.js";
import { after } from "../server/pause.js";
import { checkTimeout } from "../server/timeout.js";
import { inputsOf, type Listener, type WaitOptions } from "./inputs.js";
import { InputStreamTimeoutError, type Result, ResultPromise, WaitpointTimeoutError } from "./results.js";
import { currentRun } from "./run-context.js";

/** Ends the listening of a handler. */
export interface InputStreamSubscription {
  /** The handler hears nothing more. */
  off(): void;
}

/** Options of {@link TaskInputStream.on}. */
export interface InputStreamOnOptions<T> {
  /**
   * Ends the listening, as `off()` does. The handler can abort it itself, also for a record that it is called with before `on` has returned.
   */
  signal?: AbortSignal | undefined;
  /**
   * Hears what the handler throws or rejects with, and of which record: to fail the run, reject a promise that `run` awaits. Default: it is
   * told in the console, with its stack, and nothing else happens.
   */
  onError?: ((error: unknown, data: T) => void) | undefined;
}

/** Options of {@link TaskInputStream.once}. */
export interface InputStreamOnceOptions {
  /** Gives up when aborted: the promise rejects with the code `aborted`, and nothing is taken. */
  signal?: AbortSignal | undefined;
  /** Gives up after this time, in milliseconds. Default, and 0: never. */
  timeoutMs?: number | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  spanName?: string | undefined;
}

/** Options of {@link TaskInputStream.wait}. */
export interface InputStreamWaitOptions {
  /** How long to wait at most, such as `"30s"`, `"1h30m"` or `"7d"`, or until when, as an ISO date. What cannot be read is refused. Default: for ever. */
  timeout?: string | undefined;
  /** Waits under one key are one wait: a later one gets the same answer. */
  idempotencyKey?: string | undefined;
  /** For how long the key counts, such as `"1h"`. Default: for ever. */
  idempotencyKeyTTL?: string | undefined;
  /** At most ten. */
  tags?: string[] | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  spanName?: string | undefined;
}

/** Options of {@link TaskInputStream.waitWithIdleTimeout}. */
export interface InputStreamIdleOptions {
  /** For how many seconds the task stays awake. */
  idleTimeoutInSeconds: number;
  /** How long it sleeps at most after that. Default: for ever. */
  timeout?: string | undefined;
  /** Called before the task goes to sleep. */
  onSuspend?: (() => void | Promise<void>) | undefined;
  /** Called when it has been woken by a record. */
  onResume?: (() => void | Promise<void>) | undefined;
  /** Gives up instead of going to sleep. */
  skipSuspend?: boolean | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  spanName?: string | undefined;
}

/** Options of {@link TaskInputStream.send}. */
export interface InputStreamSendOptions {
  signal?: AbortSignal | undefined;
  /** Accepted so that existing code compiles; it does nothing here. */
  requestOptions?: object | undefined;
}

/**
 * What can be sent into a run. Records wait until somebody takes them, also those that came before anybody listened, and each is taken once:
 * by the first in the line of `once` and `wait`, or by the handlers. A handler hears what `once` gets too.
 */
export interface TaskInputStream<T> {
  readonly id: string;
  /** Calls the handler with each record, first and before it returns with those that wait. */
  on(handler: (data: T) => void | Promise<void>, options?: InputStreamOnOptions<T>): InputStreamSubscription;
  /** The next record, with the task awake. */
  once(options?: InputStreamOnceOptions): ResultPromise<T, InputStreamTimeoutError>;
  /** The oldest record that waits to be taken, or undefined. It does not look for new ones. */
  peek(): T | undefined;
  /** The next record. Where none waits the task sleeps until there is one, and takes up no slot. */
  wait(options?: InputStreamWaitOptions): ResultPromise<T, WaitpointTimeoutError>;
  /** Awake at first, and then asleep. */
  waitWithIdleTimeout(options: InputStreamIdleOptions): ResultPromise<T, WaitpointTimeoutError>;
  /** Sends to a run, from a task or a backend. It is not repeated where it may have arrived: then it rejects with the outcome `unknown`. */
  send(runId: string, data: T, options?: InputStreamSendOptions): Promise<void>;
}

/** @throws TidegateError `invalid-options` */
export function defineInput<T>({ id }: { id: string }): TaskInputStream<T> {
  checkName("input stream's id", id, "Pass the id that senders use, as in streams.input({ id: 'approval' }).");

  const once = (options: InputStreamOnceOptions = {}) => ResultPromise.of(takeOne<T>(id, options));
  const wait = (options: InputStreamWaitOptions = {}) => ResultPromise.of(sleepForOne<T>(id, options));

  const waitAwakeFirst = async (options: InputStreamIdleOptions): Promise<Result<T, WaitpointTimeoutError>> => {
    const { idleTimeoutInSeconds, timeout, onSuspend, onResume, skipSuspend } = options;
    if (!(idleTimeoutInSeconds >= 0))
      throw invalidOptions("idleTimeoutInSeconds must be a number of seconds, from 0 up.");
    checkTimeout(timeout);
    runAround(id, "waitWithIdleTimeout");
    if (idleTimeoutInSeconds > 0) {
      const awake = await once({ timeoutMs: idleTimeoutInSeconds * 1_000 });
      if (awake.ok) return awake;
    }
    if (skipSuspend) {
      return { ok: false, error: new WaitpointTimeoutError("Idle timeout elapsed and skipSuspend is set") };
    }
    await onSuspend?.();
    const result = await wait({ timeout });
    if (result.ok) await onResume?.();
    return result;
  };

  return {
    id,
    on(handler, options = {}) {
      if (typeof handler !== "function")
        throw invalidOptions("on() needs a function, which is called with each record.");
      const run = currentRun();
      const { signal, onError } = options;
      const listener = { hear: handler, fail: onError } as Listener;
      return { off: run ? inputsOf(run).on(id, listener, signal) : () => {} };
    },
    once,
    peek() {
      const run = currentRun();
      return (run && inputsOf(run).peek(id)) as T | undefined;
    },
    wait,
    waitWithIdleTimeout: (options) => ResultPromise.of(waitAwakeFirst(options)),
    async send(runId, data, { signal } = {}) {
      const backend = createBackend(currentRun()?.backend ?? configuration());
      await backend.streams.input<T>(id).send(runId, data, { signal });
    },
  };
}

function runAround(id: string, what: string) {
  const run = currentRun();
  if (run) return run;
  throw invalidOptions(
    `${what}() of the input stream "${id}" can only be used inside of a task's run(). To send to a run, call send(runId, data).`,
  );
}

async function takeOne<T>(
  id: string,
  { signal, timeoutMs = 0 }: InputStreamOnceOptions,
): Promise<Result<T, InputStreamTimeoutError>> {
  if (!(timeoutMs >= 0)) throw invalidOptions("timeoutMs must be a number of milliseconds, from 0 up.");
  const inputs = inputsOf(runAround(id, "once"));
  const aborted = () => {
    const words = `The wait for the input stream "${id}" was given up.`;
    return new TidegateError(words, { code: "aborted", retryable: true, cause: signal?.reason });
  };
  if (signal?.aborted) throw aborted();
  let cancelTimer = () => {};
  let forget = () => {};
  try {
    return await new Promise((resolve, reject) => {
      const place = inputs.take(id, { give: (output) => resolve({ ok: true, output: output as T }), fail: reject });
      forget = onAbort(signal, () => {
        if (place.leave()) reject(aborted());
      });
      if (timeoutMs > 0) {
        cancelTimer = after(timeoutMs, () => {
          if (place.leave()) resolve({ ok: false, error: new InputStreamTimeoutError(id, timeoutMs) });
        });
      }
    });
  } finally {
    cancelTimer();
    forget();
  }
}

async function sleepForOne<T>(
  id: string,
  { timeout, idempotencyKey, idempotencyKeyTTL, tags }: InputStreamWaitOptions,
): Promise<Result<T, WaitpointTimeoutError>> {
  checkTimeout(timeout);
  const inputs = inputsOf(runAround(id, "wait"));
  const wait: WaitOptions = { timeout, idempotencyKey, idempotencyKeyTTL, tags };
  return new Promise((resolve, reject) => {
    inputs.take(id, {
      wait,
      give: (output) => resolve({ ok: true, output: output as T }),
      timeOut: (message) => resolve({ ok: false, error: new WaitpointTimeoutError(message) }),
      fail: reject,
    });
  });
}
