import { encode } from "./encode.js";
import type { SendHandle, SendUpdate, StreamListener, UnreadableRecord } from "./entries.js";
import { cancelled, invalidOptions, type TidegateError } from "./errors.js";
import { pagePump } from "./event-pump.js";
import { type ConnectionOptions, checkName, checkToken, toEndpoint } from "./options.js";
import { PartStream } from "./part-stream.js";
import { type StreamStart, startOf } from "./stream-start.js";
import type { AccessToken } from "./token-source.js";

/** The server's acknowledgement of a send. */
export interface Receipt {
  /** The run that was sent to. */
  readonly runId: string;
  /** The input stream that was sent to. */
  readonly streamId: string;
  /** How many requests it took; more than one after a refusal that was certain, such as an expired token. */
  readonly attempts: number;
}

/** Options of {@link Client.send}. */
export interface SendOptions {
  /** Cancels a send that is still queued; one on its way is given up and ends as `aborted` with outcome `unknown`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link Client.stream}. */
export interface StreamOptions extends StreamStart {
  /**
   * Seconds without a new part after which the server ends one response, 1 to 600; reading goes on with the next.
   * Default: the server's, 60.
   */
  timeoutInSeconds?: number | undefined;
  /** Stops reading when aborted, as `close()` does. */
  signal?: AbortSignal | undefined;
  /** Told of each record that cannot be read; reading goes on behind it. Default: a warning in the console. */
  onUnreadable?: ((record: UnreadableRecord) => void) | undefined;
}

/** Sends to and reads from running tasks, without a framework. Made by {@link createClient}. */
export interface Client {
  /**
   * Sends `data` to an input stream of a run. Sends to one stream leave in call order, one at a time. Resolves when
   * the server has taken it; rejects with a {@link TidegateError} whose `outcome` says whether it can have arrived.
   *
   * @param data Anything `JSON.stringify` takes, at most 1 MiB as JSON.
   */
  send(runId: string, streamId: string, data: unknown, options?: SendOptions): Promise<Receipt>;
  /**
   * Reads a stream of a run: an output stream by its key, or an input stream as `input/<id>`. Reconnects by itself,
   * without gaps or repeats. Throws a {@link TidegateError} when an argument is wrong.
   */
  stream<T = unknown>(runId: string, key?: string, options?: StreamOptions): PartStream<T>;
  /** Uses another token from now on; what waits for one goes on. */
  setAccessToken(accessToken: AccessToken): void;
  /** Ends all streams and cancels queued sends. A send that is on its way is left to finish. */
  close(): void;
}

/**
 * Makes a client. Nothing is loaded or sent before the first call.
 *
 * @throws TidegateError `invalid-options` when an option is not what it should be.
 */
export function createClient(options: ConnectionOptions = {}): Client {
  checkToken(options.accessToken);
  const pump = pagePump();
  const principal = pump.openPrincipal(toEndpoint(options), options.accessToken);
  const closers = new Set<() => void>();
  let closed = false;
  const checkOpen = () => {
    if (closed) throw invalidOptions("This client has been closed. Make a new one with createClient().");
  };

  return {
    async send(runId, streamId, data, { signal } = {}) {
      checkOpen();
      checkName("run id", runId, "Pass the id of the run, such as run_1234.");
      checkName("stream id", streamId, "Pass the id of the input stream that the task defines.");
      const json = encode(data);
      if (signal?.aborted) throw cancelled();
      return new Promise<Receipt>((resolve, reject) => {
        let handle: SendHandle | undefined;
        let onItsWay = false;
        const cancel = () => handle?.cancel();
        const cancelQueued = () => {
          if (!onItsWay) cancel();
        };
        const listener = ({ state, attempt, error }: SendUpdate) => {
          onItsWay = state === "sending";
          if (state === "queued" || state === "sending") return;
          signal?.removeEventListener("abort", cancel);
          closers.delete(cancelQueued);
          if (state === "accepted") resolve({ runId, streamId, attempts: attempt });
          else reject(error ?? cancelled());
          queueMicrotask(() => handle?.forget());
        };
        signal?.addEventListener("abort", cancel);
        closers.add(cancelQueued);
        handle = pump.send({ principal, runId, streamId, json, listener });
      });
    },
    stream<T>(runId: string, key = "default", options: StreamOptions = {}) {
      checkOpen();
      checkName("run id", runId, "Pass the id of the run, such as run_1234.");
      checkName("stream key", key, "Pass the key the task writes to, or leave it out for the default stream.");
      const { timeoutInSeconds, signal, onUnreadable } = options;
      const lastEventId = startOf(options);
      const close = () => stream.close();
      const subscribe = (listener: StreamListener) => {
        const unsubscribe = pump.subscribe({ principal, runId, key, lastEventId, timeoutInSeconds, listener });
        const stop = () => {
          unsubscribe();
          closers.delete(close);
          signal?.removeEventListener("abort", close);
        };
        return Object.assign(stop, { setReading: unsubscribe.setReading });
      };
      const stream = new PartStream<T>(subscribe, lastEventId, onUnreadable);
      closers.add(close);
      signal?.addEventListener("abort", close);
      if (signal?.aborted) close();
      return stream;
    },
    setAccessToken(accessToken) {
      checkOpen();
      checkToken(accessToken);
      pump.setToken(principal, accessToken);
    },
    close() {
      if (closed) return;
      closed = true;
      for (const close of [...closers]) close();
      pump.release(principal);
    },
  };
}
