import { type SendOutcome, TidegateError } from "../client/errors.js";
import { describe } from "../wasm/describe.js";
import type { Problem, ProblemCode } from "../wasm/interface.js";

/** Why an attempt at a question has no answer. */
export interface Failure {
  readonly problem: Problem;
  readonly cause?: unknown;
  /** The server's wish, as far as it says one. */
  readonly afterMs: number;
  /** The same may be asked again, if that does no harm. */
  readonly again: boolean;
  /** The server may have done what it was asked. */
  readonly doubtful: boolean;
  /** The server says that a second request under the same key has no effect of its own. */
  readonly dropsRepeats?: boolean;
}

/** Who was asked, for the words. */
interface Asked {
  readonly baseURL: string;
  readonly key: string;
}

/** What a backend is told in words of its own: it has a secret key where a page has a token, and no browser. */
const SENTENCES: Partial<Record<ProblemCode, (problem: Problem, baseURL: string) => string>> = {
  blocked: (_, baseURL) =>
    `No server answers at ${baseURL}. Check that it runs there, or correct baseURL (TRIGGER_API_URL).`,
  "not-found": ({ serverMessage, subject }, baseURL) =>
    serverMessage
      ? `There is no such ${subject} in this environment. Check its id, and that the secret key belongs to the same environment.`
      : `${baseURL} answers, but not as a Trigger.dev API does. Check baseURL (TRIGGER_API_URL): it is an address such as https://api.trigger.dev.`,
  unauthorized: (_, baseURL) =>
    `${baseURL} refused the secret key. Check that it is one of that server and has not been replaced (TRIGGER_SECRET_KEY).`,
  forbidden: () => "This API key is restricted, and does not allow this. Use one that does.",
  protocol: (_, baseURL) =>
    `The answer of ${baseURL} makes no sense here. Check baseURL (TRIGGER_API_URL): it is the address of a Trigger.dev API.`,
};

/** The error for people and for code. The key is in none of its fields. */
export function toError(
  { problem: told, cause }: Failure,
  outcome: SendOutcome,
  { baseURL, key }: Asked,
): TidegateError {
  const hide = (text: string) => text.replaceAll(key, "(the secret key)");
  const problem = told.serverMessage ? { ...told, serverMessage: hide(told.serverMessage) } : told;
  const { serverMessage } = problem;
  const sentence = SENTENCES[problem.code]?.(problem, baseURL);
  const doubt = "It may or may not have taken effect, so check before you do it again.";
  const words = [sentence, outcome === "unknown" && doubt, serverMessage && `The server said: "${serverMessage}".`];
  const message = sentence
    ? words.filter(Boolean).join(" ")
    : describe(problem, outcome === "unknown" ? "unknown" : undefined);
  return new TidegateError(message, { ...problem, outcome, cause });
}

/** What an answer means that is not a 2xx, as the core has it for pages. */
export function failureOf(status: number, headers: Headers, text: string, subject: string): Failure {
  const serverMessage = messageIn(text);
  const code = codeOf(status, serverMessage);
  const wish = headers.get("x-should-retry");
  const retryable = status === 429 || status >= 500 || status === 408;
  return {
    problem: { code, retryable, status, subject, ...(serverMessage && { serverMessage }) },
    afterMs: waitOf(headers),
    again: wish === "true" || (wish !== "false" && (retryable || status === 409)),
    doubtful: retryable && status !== 429,
    dropsRepeats: headers.get("x-tidegate-idempotent") === "1",
  };
}

function codeOf(status: number, serverMessage: string | undefined): ProblemCode {
  if (status === 400 && serverMessage?.endsWith("completed run")) return "run-finished";
  const codes: Record<number, ProblemCode> = {
    400: "invalid-data",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    408: "timeout",
    410: "not-found",
    413: "too-large",
    422: "invalid-data",
    429: "rate-limited",
    504: "timeout",
  };
  return codes[status] ?? (status >= 500 ? "server" : "protocol");
}

/** `{"error":"…"}` or plain text, with what it says of scopes; HTML is a page for people. */
function messageIn(body: string): string | undefined {
  let text = body.trim();
  try {
    const { error, deniedScopes } = Object(JSON.parse(text));
    text = typeof error === "string" ? error : "";
    if (Array.isArray(deniedScopes)) text += `: ${deniedScopes.join(", ")}`;
  } catch {
    if (text.startsWith("<")) text = "";
  }
  return text.slice(0, 300) || undefined;
}

/** What the server asks for, in milliseconds: 0 where it asks for nothing, or for nothing that can be read. */
export function waitOf(headers: Headers): number {
  const after = headers.get("retry-after") ?? "";
  const seconds = Number.parseFloat(after);
  if (seconds > 0) return seconds * 1_000;
  const resetAt = Number(headers.get("x-ratelimit-remaining")) > 0 ? 0 : Number(headers.get("x-ratelimit-reset"));
  return Math.max((Date.parse(after) || resetAt || 0) - Date.now(), 0);
}
