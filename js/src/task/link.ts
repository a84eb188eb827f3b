import { TidegateError } from "../client/errors.js";
import { ask, part } from "../server/ask.js";
import { type BackendOptions, type Identity, toIdentity } from "../server/configuration.js";
import { backoffMs, pause } from "../server/pause.js";
import type { Order, WaitEnd } from "./orders.js";

const PROTOCOL = 1;
/** A worker is not away for longer between two attempts: what it holds is given up after some ten seconds. */
export const LONGEST_PAUSE_MS = 5_000;

/** A run that a worker holds, and the waits of it that it has not heard of since. */
export interface Claim {
  readonly id: string;
  readonly execution: number;
  readonly waits: string[];
}

/** What a worker serves. */
export interface Offer {
  readonly tasks: readonly { readonly id: string; readonly retry?: object | undefined }[];
  readonly concurrency: number;
}

/** A worker's place at the server. */
export interface Session {
  readonly session: string;
  /** The claims that hold. */
  readonly runs: string[];
  /** After how much silence the server takes the worker for gone, and how long it holds a poll. */
  readonly silenceMs: number;
  readonly holdMs: number;
}

/** The server does not count this run, or this worker, any more. */
export const isGone = (error: unknown): boolean =>
  error instanceof TidegateError && (error.status === 410 || error.status === 404);

/** One worker's line to its server. Everything rejects with a {@link TidegateError}. */
export class Link {
  readonly backend: BackendOptions;
  readonly #identity: Identity;
  readonly #worker = crypto.randomUUID();

  constructor(backend: BackendOptions) {
    this.backend = backend;
    this.#identity = toIdentity(backend);
  }

  get baseURL(): string {
    return this.#identity.endpoint.baseURL;
  }

  async connect(offer: Offer, runs: readonly Claim[], signal?: AbortSignal): Promise<Session> {
    const body = { ...offer, worker: this.#worker, protocol: PROTOCOL, runs };
    try {
      const session = await this.#post<Session>("/engine/v1/worker/connect", body, { signal, effect: "none" });
      if (typeof session.session === "string" && session.holdMs > 0) return session;
    } catch (error) {
      if (!(error instanceof TidegateError && /^(not-found|protocol)$/.test(error.code))) throw error;
    }
    throw new TidegateError(
      `${this.baseURL} does not take workers. serve() executes tasks for Tidegate's development server: start that one (tidegate-dev) and pass its address as baseURL (TRIGGER_API_URL).`,
      { code: "protocol", retryable: false },
    );
  }

  /** The orders after those that were seen. Held by the server while there are none. */
  async poll({ session, silenceMs, holdMs }: Session, seen: number, isLeaving: boolean, signal: AbortSignal) {
    const body = { worker: this.#worker, session, seen, ...(isLeaving && { isLeaving }) };
    // Sooner than the server takes this worker for gone.
    const options = { signal, effect: "none", attempts: 1, patienceMs: (holdMs + silenceMs) / 2 } as const;
    const { orders } = await this.#post<{ orders: Order[] }>("/engine/v1/worker/poll", body, options);
    return orders;
  }

  async leave({ session }: Session, signal?: AbortSignal): Promise<void> {
    await this.#post("/engine/v1/worker/leave", { worker: this.#worker, session }, { signal, attempts: 2 });
  }

  /** Makes what a run can wait for: the next record of an input stream. */
  async makeInputWait(run: string, execution: number, body: object, signal: AbortSignal): Promise<string> {
    const path = `/api/v1/runs/${part(run)}/input-streams/wait`;
    const { waitpointId } = await this.#insist<{ waitpointId: string }>(path, body, signal, execution);
    return waitpointId;
  }

  /** Has the run wait; gives how that ended where it has ended already. */
  async suspend(run: string, execution: number, waitpoint: string, signal: AbortSignal): Promise<WaitEnd | undefined> {
    const path = `/engine/v1/runs/${part(run)}/waitpoints/tokens/${part(waitpoint)}/wait`;
    const { wait } = await this.#insist<{ wait?: WaitEnd }>(path, {}, signal, execution);
    return wait;
  }

  /** Says what an execution came to. */
  async report(run: string, what: "complete" | "fail", body: object, signal: AbortSignal): Promise<object> {
    return this.#insist(`/engine/v1/runs/${part(run)}/${what}`, body, signal);
  }

  /** Asks until there is an answer, however long the server is away. */
  async #insist<T>(path: string, body: object, signal: AbortSignal, execution?: number): Promise<T> {
    const headers = execution === undefined ? undefined : { "x-tidegate-execution": String(execution) };
    const key = crypto.randomUUID();
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.#post<T>(path, body, { signal, headers, key, attempts: 1 });
      } catch (error) {
        if (signal.aborted || !(error as TidegateError).retryable) throw error;
      }
      await pause(backoffMs(failures, LONGEST_PAUSE_MS), signal);
    }
  }

  async #post<T>(path: string, body: object, options: Partial<Parameters<typeof ask>[1]>): Promise<T> {
    const subject = "run or wait token";
    const question = { path, body: JSON.stringify(body), subject, effect: "once", ...options } as const;
    const { text } = await ask(this.#identity, question);
    try {
      const answer = JSON.parse(text);
      if (typeof answer === "object" && answer) return answer;
    } catch {}
    throw new TidegateError(`The answer of ${this.baseURL} makes no sense here. Check baseURL (TRIGGER_API_URL).`, {
      code: "protocol",
      retryable: false,
    });
  }
}
