import { cancelled, invalidOptions } from "../client/errors.js";
import { type Answer, attempt, headersOf, isMiss } from "./attempt.js";
import type { Identity } from "./configuration.js";
import { Patience } from "./patience.js";

const ATTEMPTS = 4;
/** Whoever waits for this backend does not wait for longer. */
const LONGEST_PAUSE_MS = 5_000;

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

/** A part of a path; throws `invalid-options` for what every URL parser takes for a step. */
export function part(name: string): string {
  if (/^\.\.?$/.test(name)) throw invalidOptions(`"${name}" cannot be an id.`);
  return encodeURIComponent(name);
}

/** Asks, and again after a pause where that does no harm. Rejects with a {@link TidegateError}. */
export async function ask(identity: Identity, question: Question): Promise<Answer> {
  const { effect, signal, attempts = ATTEMPTS } = question;
  const request = requestOf(identity, question);
  const patience = new Patience(identity, { attempts, longestMs: LONGEST_PAUSE_MS, signal });
  let doubtful = false;
  for (;;) {
    if (signal?.aborted) throw cancelled("call");
    const told = await attempt(request);
    if (!isMiss(told)) return told;
    const { code, retryable, status } = told.problem;
    doubtful ||= told.doubtful && effect !== "none";
    // A refusal of the key says nothing of what an earlier attempt has done.
    const isOpen = doubtful && (told.again || retryable || status === 401 || status === 403);
    // What certainly had no effect may be repeated whatever it is.
    const isSafe = effect === "once" || told.dropsRepeats || !doubtful;
    const outcome = isOpen ? "unknown" : code === "aborted" ? "cancelled" : "rejected";
    await patience.next({ ...told, again: told.again && isSafe }, outcome);
  }
}

function requestOf(identity: Identity, question: Question) {
  const { path, body, subject, signal, headers, key = crypto.randomUUID(), patienceMs } = question;
  return {
    url: identity.endpoint.baseURL + path,
    method: body === undefined ? "GET" : "POST",
    headers: {
      ...headersOf(identity),
      ...(body !== undefined && {
        "content-type": "application/json",
        "x-trigger-realtime-streams-version": "v2",
        "x-trigger-request-idempotency-key": key,
      }),
      ...headers,
    },
    ...{ body, subject, signal, patienceMs },
  };
}
