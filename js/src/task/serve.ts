import { cancelled, invalidOptions } from "../client/errors.js";
import { type BackendOptions, configuration } from "../server/configuration.js";
import { Link } from "./link.js";
import type { ServedTask } from "./task.js";
import { Worker } from "./worker.js";

const CONCURRENCY = 10;
const STOP_TIMEOUT_MS = 30_000;

/** What to serve, and for whom. Of `secretKey`, `baseURL` and the like, what is not given comes from the environment. */
export interface ServeOptions extends BackendOptions {
  tasks: readonly ServedTask[];
  /** How many runs execute at once; those that wait do not count. Default: 10. */
  concurrency?: number | undefined;
  /** Stops, as `stop()` does. Where it comes before the worker is connected, `serve` rejects with the code `aborted`. */
  signal?: AbortSignal | undefined;
  /** How long `stop()` lets runs execute before it gives them back. Default: 30 000. */
  stopTimeoutMs?: number | undefined;
  /** Hears what goes on, in lines without key and payload, but for what a task says itself in what it throws. Default: the console. */
  log?: ((line: string) => void) | undefined;
}

/** Tasks that are served. */
export interface Serving {
  /**
   * Takes nothing new, lets runs that execute come to their end for as long as `stopTimeoutMs`, and gives the others back, to be started
   * again from the top by the next worker, in the same attempt. Never rejects.
   */
  stop(): Promise<void>;
}

/**
 * Executes runs of these tasks for a development server, in this process, several at once. Resolves when it is connected; from then on
 * it goes on by itself over restarts of the server and cuts of the network, until it is stopped.
 *
 * Runs that wait take no room, and survive the end of this process and that of the server: see {@link TaskOptions}. When the process dies,
 * the server finds out after some ten seconds; runs that executed are tried again, as often as `retry` says.
 *
 * Signals of the system are the program's: without a handler, Ctrl+C and `SIGTERM` end the process at once, and what executed has lost an
 * attempt. These let runs end, and give the others back; Bun and Deno have them under the same name:
 *
 * ```ts
 * import { serve } from "tidegate/task";
 *
 * const serving = await serve({ tasks: [order] });
 * for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => serving.stop());
 * ```
 *
 * Rejects with a {@link TidegateError}: `invalid-options`, `unauthorized` for a wrong key, `blocked` where nothing answers, `protocol`
 * where something else does.
 */
export async function serve(options: ServeOptions): Promise<Serving> {
  if (typeof options !== "object" || options === null)
    throw invalidOptions("serve() needs the tasks. Pass some, as in serve({ tasks: [order] }).");
  const { tasks, concurrency = CONCURRENCY, stopTimeoutMs = STOP_TIMEOUT_MS, signal } = options;
  const { log = (line: string) => console.log(`tidegate: ${line}`) } = options;
  if (!Number.isInteger(concurrency) || concurrency < 1)
    throw invalidOptions("concurrency must be a whole number from 1 on.");
  if (!(stopTimeoutMs >= 0)) throw invalidOptions("stopTimeoutMs must be a number of milliseconds.");
  const link = new Link(backendIn(options));
  const worker = new Worker(link, { tasks: byId(tasks), concurrency, stopTimeoutMs, log });
  if (signal?.aborted) throw cancelled("call");
  const stop = () => {
    signal?.removeEventListener("abort", stop);
    return worker.stop();
  };
  signal?.addEventListener("abort", stop);
  try {
    await worker.start();
  } catch (error) {
    signal?.removeEventListener("abort", stop);
    if (!signal?.aborted) throw error;
  }
  if (signal?.aborted) {
    await stop();
    throw cancelled("call");
  }
  return { stop };
}

function byId(tasks: readonly ServedTask[]): Map<string, ServedTask> {
  if (!Array.isArray(tasks) || tasks.length === 0)
    throw invalidOptions("There are no tasks to serve. Pass some, as in serve({ tasks: [order] }).");
  const found = new Map<string, ServedTask>();
  for (const task of tasks) {
    if (typeof task?.id !== "string" || typeof task.run !== "function")
      throw invalidOptions("What is to be served is no task. Pass what task({ id, run }) returns.");
    if (found.has(task.id)) throw invalidOptions(`Two tasks have the id "${task.id}". Give each one of its own.`);
    found.set(task.id, task);
  }
  return found;
}

function backendIn({ secretKey, accessToken, baseURL, previewBranch, environmentId }: ServeOptions): BackendOptions {
  const around = configuration();
  return {
    secretKey: secretKey ?? accessToken ?? around.secretKey,
    baseURL: baseURL ?? around.baseURL,
    previewBranch: previewBranch ?? around.previewBranch,
    environmentId: environmentId ?? around.environmentId,
  };
}
