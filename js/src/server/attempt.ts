import type { SendOutcome, TidegateError } from "../client/errors.js";
import type { Identity } from "./configuration.js";
import { type Failure, failureOf } from "./failure.js";
import { onAbort } from "./on-abort.js";

const PATIENCE_MS = 30_000;

/** A request. */
export interface Attempt {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** What it is about, for words such as "no such run". Default: `run`. */
  readonly subject?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long the answer may take. Default: 30 s. */
  readonly patienceMs?: number | undefined;
}

/** What was answered to a request that succeeded. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** A request that did not bring what was asked for. What was answered is there where something was. */
export interface Miss extends Failure, Partial<Answer> {
  /** What to throw, where it is not the API that was asked. */
  readonly toError?: ((outcome: SendOutcome) => TidegateError) | undefined;
}

export const isMiss = (told: Answer | Miss): told is Miss => "problem" in told;

/** The headers that every request to the API has. */
export function headersOf({ token, endpoint }: Identity): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    "x-trigger-api-version": "2025-07-16",
    ...(endpoint.branch && { "x-trigger-branch": endpoint.branch }),
  };
}

/** Makes a request once. Never rejects. */
export async function attempt(given: Attempt): Promise<Answer | Miss> {
  const { url, method, headers, body, subject = "run", signal, patienceMs = PATIENCE_MS } = given;
  const controller = new AbortController();
  const giveUp = () => controller.abort();
  const timer = setTimeout(giveUp, patienceMs);
  const forget = onAbort(signal, giveUp);
  if (signal?.aborted) giveUp();
  try {
    const response = await fetch(url, {
      method,
      headers,
      signal: controller.signal,
      // Next keeps what is read unless it is told not to, and some versions of Workers do not know how to be told.
      ...("cache" in Request.prototype && { cache: "no-store" }),
      ...(body !== undefined && { body }),
    });
    const { ok, headers: told } = response;
    // A site that answers whatever it is asked with its page is no API.
    const isSite = ok && /html/.test(told.get("content-type") ?? "");
    if (ok && !isSite) return { status: response.status, text: await response.text(), headers: told };
    const status = isSite ? 404 : response.status;
    const text = await response.text().catch(() => "");
    return { ...failureOf(status, told, text, subject), status, text, headers: told };
  } catch (cause) {
    if (signal?.aborted) return aborted(subject);
    if (controller.signal.aborted)
      return { problem: { code: "timeout", retryable: true, subject }, afterMs: 0, again: true, doubtful: true };
    const problem = { code: "blocked", retryable: true, subject } as const;
    return { problem, cause, afterMs: 0, again: true, doubtful: !neverLeft(cause) };
  } finally {
    clearTimeout(timer);
    forget();
  }
}

/** What it comes to when it is given up. */
export function aborted(subject = "run"): Failure {
  return { problem: { code: "aborted", retryable: true, subject }, afterMs: 0, again: false, doubtful: true };
}

/** No connection was made, where the host tells: Node by a code in the cause, Bun by one in the error, Deno in words. */
function neverLeft(error: unknown): boolean {
  const { cause, code } = Object(error);
  if (/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused)$/.test(cause?.code ?? code))
    return true;
  return /client error \(Connect\)/.test(cause?.message);
}
