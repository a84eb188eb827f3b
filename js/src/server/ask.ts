import { cancelled, invalidOptions, type SendOutcome } from "../client/errors.js";
import type { Identity } from "./configuration.js";
import { type Failure, failureOf, toError } from "./failure.js";

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 250;
/** Whoever waits for this backend does not wait for longer. */
const LONGEST_PAUSE_MS = 5_000;
const PATIENCE_MS = 30_000;

/** What is asked of the server. */
export interface Question {
  /** Without the base URL. */
  readonly path: string;
  /** JSON text, for a POST. Without it, a GET. */
  readonly body?: string | undefined;
  /** What it is about, for words such as "no such run". */
  readonly subject: string;
  /** What being asked does: nothing, one thing however often it is asked under one key, or one thing each time. */
  readonly effect: "none" | "once" | "each";
  readonly signal?: AbortSignal | undefined;
  /** Besides those of every question. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Marks the repeats of one question. Default: one of its own. */
  readonly key?: string | undefined;
  /** How often it is asked at most, and how long each answer may take. Default: 4 times, 30 s. */
  readonly attempts?: number | undefined;
  readonly patienceMs?: number | undefined;
}

/** What was answered. */
export interface Answer {
  readonly text: string;
  readonly headers: Headers;
}

/** A part of a path; throws `invalid-options` for what every URL parser takes for a step. */
export function part(name: string): string {
  if (/^\.\.?$/.test(name)) throw invalidOptions(`"${name}" cannot be an id.`);
  return encodeURIComponent(name);
}

/** Asks, and again after a pause where that does no harm. Rejects with a {@link TidegateError}. */
export async function ask(identity: Identity, question: Question): Promise<Answer> {
  const { effect, signal, attempts = ATTEMPTS, key = crypto.randomUUID() } = question;
  let doubtful = false;
  for (let attempt = 1; ; attempt += 1) {
    if (signal?.aborted) throw cancelled("call");
    const answer = await attemptAt(identity, question, key);
    if ("text" in answer) return answer;
    const { problem, afterMs, again } = answer;
    doubtful ||= answer.doubtful && effect !== "none";
    // A refusal of the key says nothing of what an earlier attempt has done.
    const isOpen = () => doubtful && (problem.retryable || problem.status === 401 || problem.status === 403);
    const fail = (failure: Failure, outcome: SendOutcome) =>
      toError(failure, outcome, { baseURL: identity.endpoint.baseURL, key: identity.token });
    // What certainly had no effect may be repeated whatever it is.
    const isSafe = effect === "once" || answer.dropsRepeats || !doubtful;
    const pauseMs = Math.max(afterMs, FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2));
    if (!again || !isSafe || attempt === attempts || pauseMs > LONGEST_PAUSE_MS)
      throw fail(answer, isOpen() ? "unknown" : problem.code === "aborted" ? "cancelled" : "rejected");
    await pause(pauseMs, signal);
    if (signal?.aborted && doubtful) throw fail(aborted(question.subject), "unknown");
  }
}

async function attemptAt(
  { endpoint, token }: Identity,
  { path, body, subject, signal, headers: more, patienceMs = PATIENCE_MS }: Question,
  key: string,
): Promise<Answer | Failure> {
  const controller = new AbortController();
  const giveUp = () => controller.abort();
  const timer = setTimeout(giveUp, patienceMs);
  signal?.addEventListener("abort", giveUp);
  const headers: Record<string, string> = {
    authorization: `Bearer ${token}`,
    "x-trigger-api-version": "2025-07-16",
    ...(endpoint.branch && { "x-trigger-branch": endpoint.branch }),
    ...(body !== undefined && {
      "content-type": "application/json",
      "x-trigger-realtime-streams-version": "v2",
      "x-trigger-request-idempotency-key": key,
    }),
    ...more,
  };
  try {
    const response = await fetch(endpoint.baseURL + path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      signal: controller.signal,
      // Next keeps what is read unless it is told not to, and some versions of Workers do not know how to be told.
      ...("cache" in Request.prototype && { cache: "no-store" }),
      ...(body !== undefined && { body }),
    });
    if (response.ok) return { text: await response.text(), headers: response.headers };
    return await failureOf(response, subject);
  } catch (cause) {
    if (signal?.aborted) return aborted(subject);
    if (controller.signal.aborted)
      return { problem: { code: "timeout", retryable: true, subject }, afterMs: 0, again: true, doubtful: true };
    const problem = { code: "blocked", retryable: true, subject } as const;
    return { problem, cause, afterMs: 0, again: true, doubtful: !neverLeft(cause) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

function aborted(subject: string): Failure {
  return { problem: { code: "aborted", retryable: true, subject }, afterMs: 0, again: false, doubtful: true };
}

/** No connection was made, where the host tells. */
function neverLeft(error: unknown): boolean {
  const { cause, code } = Object(error);
  return /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused)$/.test(cause?.code ?? code);
}

/** Until the time has passed, or the signal comes. */
export function pause(ms: number, signal?: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}
