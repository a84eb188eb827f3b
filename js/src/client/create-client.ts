import { encode } from "./encode.js";
import type { SendHandle, SendUpdate, StreamListener, UnreadableRecord } from "./entries.js";
import { cancelled, invalidOptions, type TidegateError } from "./errors.js";
import { pagePump } from "./event-pump.js";
import { type ConnectionOptions, checkName, checkToken, type OutboxOptions, toEndpoint } from "./options.js";
import { PartStream } from "./part-stream.js";
import type { StandardSchema } from "./schema.js";
import { SendLine } from "./send-line.js";
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

/** Options of every send. */
export interface SendOptions {
  /** Cancels a send that is still queued; one on its way is given up and ends as `aborted` with outcome `unknown`. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link Client.send}. */
export interface ClientSendOptions<T = unknown> extends SendOptions, OutboxOptions {
  /**
   * Checks the data before anything is loaded or sent, at once or later; sends to one stream keep their order meanwhile. What
   * does not fit ends with the code `invalid-data` and a message that names each issue. The data leave as they were given.
   */
  schema?: StandardSchema<T> | undefined;
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
   * With an `outbox`, what an earlier page has left in it goes first.
   *
   * @param data Anything `JSON.stringify` takes, at most 1 MiB as JSON.
   */
  send<T>(runId: string, streamId: string, data: T, options?: ClientSendOptions<T>): Promise<Receipt>;
  /**
   * Reads a stream of a run: an output stream by its key, or an input stream as `input/<id>`. Reconnects by itself,
   * without gaps or repeats. Throws a {@link TidegateError} when an argument is wrong.
   */
  stream<T = unknown>(runId: string, key?: string, options?: StreamOptions): PartStream<T>;
  /** Uses another token from now on; what waits for one goes on. */
  setAccessToken(accessToken: AccessToken): void;
  /** Ends all streams and cancels queued sends, those in an outbox too. A send that is on its way is left to finish. */
  close(): void;
}

/**
 * Makes a client. Nothing is loaded or sent before the first call.
 *
 * @throws TidegateError `invalid-options` when an option is not what it should be.
 */
export function createClient(options: ConnectionOptions = {}): Client {
  let { accessToken } = options;
  checkToken(accessToken);
  const pump = pagePump();
  const principal = pump.openPrincipal(toEndpoint(options), accessToken);
  const lines = new Map<string, SendLine>();
  const closers = new Set<() => void>();
  let closed = false;
  const checkOpen = () => {
    if (closed) throw invalidOptions("This client has been closed. Make a new one with createClient().");
  };

  return {
    async send<T>(runId: string, streamId: string, data: T, options: ClientSendOptions<T> = {}) {
      const { signal, schema, outbox } = options;
      checkOpen();
      checkName("run id", runId, "Pass the id of the run, such as run_1234.");
      checkName("stream id", streamId, "Pass the id of the input stream that the task defines.");
      const json = encode(data);
      if (signal?.aborted) throw cancelled();
      const key = JSON.stringify([runId, streamId, outbox]);
      const address = { runId, streamId, outbox, accessToken: accessToken ?? "" };
      // What an outbox brings back is nobody's call any more.
      const line = lines.get(key) ?? new SendLine(principal, address, (_, connect) => connect(() => {}));
      // Any other has nothing to remember between two sends.
      if (schema || outbox) lines.set(key, line);
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
        handle = line.send({ ...options, data, json, listener });
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
    setAccessToken(given) {
      checkOpen();
      checkToken(given);
      accessToken = given;
      pump.setToken(principal, accessToken);
    },
    close() {
      if (closed) return;
      closed = true;
      for (const close of [...closers]) close();
      for (const line of lines.values()) line.close();
      pump.release(principal);
    },
  };
}
