import {
  type CallOptions,
  cancelRun,
  completeWaitToken,
  type RetrievedRun,
  type RunHandle,
  retrieveRun,
  type TriggerOptions,
  triggerTask,
} from "../client/calls.js";
import { encode } from "../client/encode.js";
import type { Caller, CallRequest } from "../client/entries.js";
import { checkName } from "../client/options.js";
import type { AnyTask, TaskIdentifier, TaskPayload } from "../client/runs/task-types.js";
import type { CallKind } from "../wasm/interface.js";
import { ask, part } from "./ask.js";
import { type BackendOptions, type Identity, toIdentity } from "./configuration.js";
import { mint, mintTrigger, type PublicTokenOptions, type TriggerTokenOptions } from "./mint.js";
import { type TokenHandlerOptions, toTokenHandler } from "./token-handler.js";
import { createWaitToken, type WaitToken, type WaitTokenOptions } from "./wait-tokens.js";

/** A run that has been triggered, with a token that comes with it. */
export interface TriggeredRun<TTask extends AnyTask = AnyTask> extends RunHandle<TTask> {
  /** Reads the run and sends to its input streams, for an hour. */
  publicAccessToken: string;
}

/** An id, or what has one. */
export type Named = string | { readonly id: string };

/** The backend's half: makes tokens for pages, and does with the secret key what pages cannot. Everything rejects with a {@link TidegateError}. */
export interface Backend {
  readonly auth: {
    /** Makes a public access token with these scopes: here, where the key allows that, and else at the server. */
    createPublicToken(options: PublicTokenOptions): Promise<string>;
    /** Makes a token that triggers one of these tasks once. */
    createTriggerPublicToken(task: string | readonly string[], options?: TriggerTokenOptions): Promise<string>;
    /** Makes a token that triggers one batch of these tasks. */
    createBatchTriggerPublicToken(task: string | readonly string[], options?: TriggerTokenOptions): Promise<string>;
  };
  /** Triggers a task, once, however often the request has to be repeated. Dates, maps and sets in the payload keep their type. */
  trigger<TTask extends AnyTask = AnyTask>(
    taskId: TaskIdentifier<TTask>,
    payload: TaskPayload<TTask>,
    options?: TriggerOptions & CallOptions,
  ): Promise<TriggeredRun<TTask>>;
  /** The same, under the name it has in `@trigger.dev/sdk`. */
  readonly tasks: {
    /** As {@link Backend.trigger}. */
    readonly trigger: Backend["trigger"];
  };
  readonly runs: {
    /** Ends a run. */
    cancel(run: Named, options?: CallOptions): Promise<{ id: string }>;
    /** How a run stands. */
    retrieve<TTask extends AnyTask = AnyTask>(run: Named, options?: CallOptions): Promise<RetrievedRun<TTask>>;
  };
  readonly wait: {
    /** Makes a token that a task can wait for. */
    createToken(options?: WaitTokenOptions): Promise<WaitToken>;
    /** Completes one with plain JSON. Where it has been completed before, or has timed out, the first result stays. */
    completeToken(token: Named, data?: unknown, options?: CallOptions): Promise<{ success: boolean }>;
  };
  readonly streams: {
    /** An input stream of runs. */
    input<T = unknown>(stream: Named): InputStream<T>;
  };
  /**
   * A route that hands out tokens, for Next, Hono, Workers and whatever else makes a `Response` of a `Request`. Its answer is the token
   * as text. What `authorize` throws, and a failure to make the token, reach the framework.
   *
   * ```ts
   * import { tokenHandler } from "tidegate/server";
   *
   * export const GET = tokenHandler({
   *   async authorize(request) {
   *     const run = await runOfUser(request.headers.get("cookie")); // yours: which run may they see and answer?
   *     return run ? { read: { runs: run }, write: { inputStreams: run } } : null;
   *   },
   * });
   * ```
   */
  tokenHandler<Rest extends unknown[] = []>(
    options: TokenHandlerOptions<Rest>,
  ): (request: Request, ...rest: Rest) => Promise<Response>;
}

/** An input stream of runs. */
export interface InputStream<T> {
  /**
   * Sends into a run. It is not repeated where it may have arrived: then it rejects with the outcome `unknown`.
   */
  send(runId: string, data: T, options?: CallOptions): Promise<void>;
}

/** A backend of its own, beside the one that `configure` sets: for tenants, and for tests. It looks at no environment variables. */
export function createBackend(options: BackendOptions): Backend {
  return backendOf(() => options);
}

/** @internal The options are looked at when something is first asked, so that a page can be built where there is no key. */
export function backendOf(options: () => BackendOptions): Backend {
  const as = () => toIdentity(options());
  const createPublicToken = async (given: PublicTokenOptions) => mint(as(), given);

  const trigger: Backend["trigger"] = async (taskId, payload, given) => {
    const identity = as();
    const run = await triggerTask(caller, identity, taskId, payload, given);
    const scopes = [`read:runs:${run.id}`, `write:inputStreams:${run.id}`];
    const token = run.publicAccessToken ?? (await mint(identity, { scopes, expirationTime: "1h" }));
    return { ...run, publicAccessToken: token };
  };

  return {
    auth: {
      createPublicToken,
      createTriggerPublicToken: async (task, given) => mintTrigger(as(), "trigger", task, given),
      createBatchTriggerPublicToken: async (task, given) => mintTrigger(as(), "batchTrigger", task, given),
    },
    trigger,
    tasks: { trigger },
    runs: {
      cancel: async (run, given) => cancelRun(caller, as(), idOf(run), given),
      retrieve: async (run, given) => retrieveRun(caller, as(), idOf(run), given),
    },
    wait: {
      createToken: async (given) => createWaitToken(as(), given),
      completeToken: async (token, data, given) => completeWaitToken(caller, as(), idOf(token), data, given),
    },
    streams: {
      input: (stream) => ({
        send: async (runId, data, { signal } = {}) => {
          const streamId = idOf(stream);
          checkName("input stream's id", streamId, "Pass the id that the task defines it with.");
          checkName("run id", runId, "Pass the id of the run, such as run_1234.");
          const path = `/realtime/v1/streams/${part(runId)}/input/${part(streamId)}`;
          const body = `{"data":${encode(data)}}`;
          await ask(as(), { path, body, subject: "run", effect: "each", signal });
        },
      }),
    },
    tokenHandler: (given) => toTokenHandler(createPublicToken, given),
  };
}

function idOf(named: Named): string {
  return typeof named === "string" ? named : Object(named).id;
}

/** What the calls of pages and of backends are. The server does each of them once under one key, or does it again without harm. */
const CALLS: Record<CallKind, readonly [before: string, behind: string, subject: string]> = {
  0: ["/api/v1/tasks/", "/trigger", "task"],
  1: ["/api/v1/waitpoints/tokens/", "/complete", "wait token"],
  2: ["/api/v3/runs/", "", "run"],
  3: ["/api/v2/runs/", "/cancel", "run"],
  4: ["/api/v1/packets/", "", "stored packet"],
};

const caller: Caller = {
  async call({ principal, what, name, body, signal }: CallRequest) {
    const [before, behind, subject] = CALLS[what];
    const isRead = what === 2 || what === 4;
    const { text, headers } = await ask(principal as Identity, {
      path: before + part(name) + behind,
      ...(!isRead && { body: body || "{}" }),
      subject,
      effect: isRead ? "none" : "once",
      signal,
    });
    return { text, token: headers.get("x-trigger-jwt") ?? undefined };
  },
};
