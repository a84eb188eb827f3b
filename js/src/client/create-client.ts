import type { EngineKind } from "../wasm/interface.js";
import { loadOwnCore } from "../wasm/load.js";
import type { CallOptions, RetrievedRun, RunHandle, TriggerOptions } from "./calls.js";
import { debugPage } from "./debug-page.js";
import { encode } from "./encode.js";
import type { SendHandle, SendUpdate, StreamListener, UnreadableRecord } from "./entries.js";
import { cancelled, invalidOptions, type TidegateError } from "./errors.js";
import { EventPump, pagePump } from "./event-pump.js";
import type { DebugDump } from "./insight/dump.js";
import type { Listen } from "./insight/events.js";
import { callLater, followLater } from "./later.js";
import { type ConnectionOptions, checkName, checkToken, type OutboxOptions, toEndpoint } from "./options.js";
import { PartStream } from "./part-stream.js";
import type { RunsRequest } from "./runs/follow-runs.js";
import { RunFeed } from "./runs/run-feed.js";
import type { RunsTarget, SkipColumn } from "./runs/target.js";
import type { AnyTask, TaskIdentifier, TaskPayload } from "./runs/task-types.js";
import type { StandardSchema } from "./schema.js";
import { SendLine } from "./send-line.js";
import { type StreamStart, startOf } from "./stream-start.js";
import type { AccessToken } from "./token-source.js";
import { listen, listenChecked } from "./watch.js";

/** Whether this host may compile: phones, Workers and what is like them have a build of their own. */
declare const TIDEGATE_COMPILES: boolean | undefined;

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

/** Options of every feed of runs. */
export interface FeedOptions extends Pick<RunsRequest, "storedPackets"> {
  /** What is not needed and need not be sent. Without `completedAt` nobody learns that a run has finished. */
  skipColumns?: readonly SkipColumn[] | undefined;
  /** Stops following when aborted, as `close()` does. */
  signal?: AbortSignal | undefined;
}

/** Options of {@link Client.run}. */
export interface RunOptions extends FeedOptions {
  /** Whether the feed ends when the run has finished. Default: true. */
  stopOnCompletion?: boolean | undefined;
}

/** Options of {@link Client.runs}. */
export interface RunsOptions extends FeedOptions {
  /** A run has to have all of them. Without any: every run of the environment. */
  tags: string | readonly string[];
  /** How old runs can be at most, such as `30m`, `1h` or `1d`. Default, and most: 24 hours. */
  createdAt?: string | undefined;
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
   * Reads a stream of a run: an output stream by its key, or an input stream as `input/<id>`, whose parts are the JSON texts of what
   * was sent. Reconnects by itself, without gaps or repeats. Throws a {@link TidegateError} when an argument is wrong.
   */
  stream<T = unknown>(runId: string, key?: string, options?: StreamOptions): PartStream<T>;
  /**
   * Follows a run, from how it stands now on. The loop ends when the run has finished and nothing more comes of it, which takes up to
   * half a minute, since the last metadata can come behind the end. `await client.run(id).finished()` does not wait for that.
   *
   * @typeParam TTask The task, `typeof myTask`.
   */
  run<TTask extends AnyTask = AnyTask>(runId: string, options?: RunOptions): RunFeed<TTask>;
  /** Follows the runs that have these tags, and those that will have. Such a feed does not end by itself. */
  runs<TTask extends AnyTask = AnyTask>(options: RunsOptions): RunFeed<TTask>;
  /** Follows the runs of a batch. Such a feed does not end by itself. */
  batch<TTask extends AnyTask = AnyTask>(batchId: string, options?: FeedOptions): RunFeed<TTask>;
  /**
   * Triggers a task, once, however often the request has to be repeated. Needs a token with the scope `trigger:tasks:<task id>`; the
   * handle has one that reads the run. Rejects with a {@link TidegateError}.
   */
  trigger<TTask extends AnyTask = AnyTask>(
    taskId: TaskIdentifier<TTask>,
    payload: TaskPayload<TTask>,
    options?: TriggerOptions & CallOptions,
  ): Promise<RunHandle<TTask>>;
  /**
   * Completes a wait token with plain JSON. Where it has been completed before, or has timed out, the first result stays, and the
   * server does not say so. Rejects with a {@link TidegateError}.
   */
  completeWaitToken(tokenId: string, data?: unknown, options?: CallOptions): Promise<{ success: boolean }>;
  /** Asks once how a run stands. Rejects with a {@link TidegateError}. */
  retrieveRun<TTask extends AnyTask = AnyTask>(runId: string, options?: CallOptions): Promise<RetrievedRun<TTask>>;
  /** Cancels a run, where the server lets this page do it. Rejects with a {@link TidegateError}. */
  cancelRun(runId: string, options?: CallOptions): Promise<{ id: string }>;
  /** What the core runs as on this page: WebAssembly, or JavaScript where that is refused. Undefined until it has been loaded. */
  readonly engine: EngineKind | undefined;
  /** Uses another token from now on; what waits for one goes on. */
  setAccessToken(accessToken: AccessToken): void;
  /**
   * Hears of what this client does and what becomes of it, by the type of the event, or of everything with `"*"`. Events of the core are
   * those of the page. Only what happens from now on is told, and nothing once the client has been closed.
   */
  readonly on: Listen;
  /**
   * How everything on this page stands, not only what this client does: as JSON, what to put into a report of a problem. Without tokens
   * and payloads. Rejects with a {@link TidegateError} where the code for it cannot be loaded.
   */
  debug(): Promise<DebugDump>;
  /**
   * Writes what this client does into the performance timeline from now on: measures `tidegate:load` (the core), `tidegate:send` and
   * `tidegate:first-part`, and a mark `tidegate:<type>` for each other event, with the event as `detail`. Off until it is called, since the
   * page keeps every entry until somebody clears it.
   *
   * @returns A function that ends it.
   */
  measure(): () => void;
  /** Ends all streams and cancels queued sends, those in an outbox too. A send that is on its way is left to finish. */
  close(): void;
}

/**
 * Makes a client. Nothing is loaded or sent before the first call.
 *
 * ```ts
 * import { createClient, TidegateError } from "tidegate";
 *
 * const client = createClient({ accessToken: () => fetch("/api/token").then((response) => response.text()) });
 * for await (const part of client.stream<string>("run_1234", "draft")) console.log(part);
 * try {
 *   await client.send("run_1234", "approval", { approved: true });
 * } catch (error) {
 *   if (error instanceof TidegateError && error.outcome === "unknown") console.log("It may have arrived.");
 * }
 * ```
 *
 * @throws TidegateError `invalid-options` when an option is not what it should be.
 */
export function createClient(options: ConnectionOptions = {}): Client {
  let { accessToken } = options;
  checkToken(accessToken);
  // In Workers what a request has begun, a timer or a connection, ends with it and serves no other: so there each client has its own.
  const pump =
    typeof TIDEGATE_COMPILES !== "undefined" && !TIDEGATE_COMPILES && typeof window === "undefined"
      ? new EventPump(loadOwnCore)
      : pagePump();
  const principal = pump.openPrincipal(toEndpoint(options), accessToken);
  const lines = new Map<string, SendLine>();
  const closers = new Set<() => void>();
  let closed = false;
  const checkOpen = () => {
    if (closed) throw invalidOptions("This client has been closed. Make a new one with createClient().");
  };

  const follow = <TTask extends AnyTask>(target: RunsTarget, { signal, storedPackets }: FeedOptions) => {
    checkOpen();
    const close = () => feed.close();
    const feed = new RunFeed<TTask>((listener) => {
      const stop = followLater(pump, { principal, target, listener, storedPackets });
      return () => {
        stop();
        closers.delete(close);
        signal?.removeEventListener("abort", close);
      };
    }, storedPackets !== "on-demand");
    closers.add(close);
    signal?.addEventListener("abort", close);
    if (signal?.aborted) close();
    return feed;
  };
  const call = async <R>(make: Parameters<typeof callLater<R>>[2]) => {
    checkOpen();
    return callLater(pump, principal, make);
  };
  const stopsWithClient = (stop: () => void) => {
    // What closing brings about is told.
    const close = () => setTimeout(stop);
    closers.add(close);
    return () => {
      closers.delete(close);
      stop();
    };
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
      const line = lines.get(key) ?? new SendLine(pump, principal, address, (_, connect) => connect(() => {}));
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
          if (state === "accepted") return resolve({ runId, streamId, attempts: attempt });
          reject(error ?? cancelled());
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
    run: (runId, options = {}) => {
      checkName("run id", runId, "Pass the id of the run, such as run_1234.");
      return follow({ ...options, runId }, options);
    },
    runs: (options = { tags: undefined as never }) => follow({ ...options }, options),
    batch: (batchId, options = {}) => {
      checkName("batch id", batchId, "Pass the id of the batch, such as batch_1234.");
      return follow({ ...options, batchId }, options);
    },
    trigger: (...given) => call((calls, ...as) => calls.triggerTask(...as, ...given)),
    completeWaitToken: (...given) => call((calls, ...as) => calls.completeWaitToken(...as, ...given)),
    retrieveRun: (...given) => call((calls, ...as) => calls.retrieveRun(...as, ...given)),
    cancelRun: (...given) => call((calls, ...as) => calls.cancelRunFromPage(...as, ...given)),
    get engine() {
      return pump.engine;
    },
    setAccessToken(given) {
      checkOpen();
      checkToken(given);
      accessToken = given;
      pump.setToken(principal, accessToken);
    },
    on(type: Parameters<typeof listen>[0], listener: Parameters<typeof listen>[1]) {
      checkOpen();
      return stopsWithClient(listenChecked(type, listener, principal));
    },
    debug: () => debugPage(pump),
    measure() {
      checkOpen();
      return stopsWithClient(listen("*", undefined, principal));
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
