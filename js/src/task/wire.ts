import type { SendOutcome, TidegateError } from "../client/errors.js";
import type { Identity } from "../server/configuration.js";
import { type Failure, failureOf, toError } from "../server/failure.js";
import { pause } from "./timer.js";

const ATTEMPTS = 10;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
const PATIENCE_MS = 30_000;

/** A request that did not bring what was asked for. */
export interface Miss extends Failure {
  readonly status: number | undefined;
  /** What was answered, where something was. */
  readonly text: string;
  /** What to throw, where it is not the API that was asked. */
  readonly toError?: ((outcome: SendOutcome) => TidegateError) | undefined;
}

/** What was answered to a request that succeeded. */
export interface Hit {
  readonly text: string;
  readonly headers: Headers;
}

/** A request. */
export interface Ask {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The headers that every request to the API has. */
export function headersOf({ token, endpoint }: Identity): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    "x-trigger-api-version": "2025-07-16",
    ...(endpoint.branch && { "x-trigger-branch": endpoint.branch }),
  };
}

/** Makes a request once. */
export async function attempt({ url, method, headers, body, signal }: Ask): Promise<Hit | Miss> {
  const controller = new AbortController();
  const giveUp = () => controller.abort();
  const timer = setTimeout(giveUp, PATIENCE_MS);
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted) giveUp();
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal: controller.signal,
      ...(body !== undefined && { body }),
    });
    if (response.ok) return { text: await response.text(), headers: response.headers };
    const text = await response.clone().text();
    return { ...(await failureOf(response, "run")), status: response.status, text };
  } catch (cause) {
    const code = signal?.aborted ? "aborted" : controller.signal.aborted ? "timeout" : "blocked";
    const problem = { code, retryable: true, subject: "run" } as const;
    return { problem, cause, afterMs: 0, again: !signal?.aborted, doubtful: true, status: undefined, text: "" };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

export const isHit = (answer: Hit | Miss): answer is Hit => "headers" in answer;

/** When to try again, and when not. */
export class Patience {
  #attempt = 0;

  constructor(
    readonly identity: Identity,
    readonly signal: AbortSignal | undefined,
    readonly attempts = ATTEMPTS,
  ) {}

  /** Waits until it may be tried again; rejects where that is no use. */
  async next(miss: Miss, doubtful: boolean): Promise<void> {
    this.#attempt += 1;
    if (!miss.again || this.#attempt >= this.attempts) throw this.fail(miss, doubtful ? "unknown" : "rejected");
    const delay = Math.min(FIRST_PAUSE_MS * 2 ** (this.#attempt - 1), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
    await pause(Math.max(Math.min(miss.afterMs, LONGEST_PAUSE_MS * 3), delay), this.signal);
    if (this.signal?.aborted) throw this.fail(miss, doubtful ? "unknown" : "rejected");
  }

  fail(miss: Failure | Miss, outcome: SendOutcome): TidegateError {
    if ("toError" in miss && miss.toError) return miss.toError(outcome);
    return toError(miss, outcome, { baseURL: this.identity.endpoint.baseURL, key: this.identity.token });
  }
}
