import type { Problem, ProblemCode } from "../wasm/interface.js";

/**
 * What went wrong, as a closed union. The page on troubleshooting explains each.
 *
 * - `invalid-options`: a wrong or missing argument; the message names it.
 * - `invalid-data`, `too-large`: data that a schema, JSON or the server refuses.
 * - `token-missing`, `token-malformed`, `token-expired`: there is no token, a cut one, or an old one.
 * - `unauthorized`: the server refuses the token or the key. `forbidden`: the token lacks a scope, named in `missingScope`.
 * - `not-found`: there is no such run, task, batch or wait token in the environment of the token.
 * - `run-finished`: the run takes no more input.
 * - `offline`: the browser has no network. `blocked`: no readable answer, as of a server that is down or without CORS.
 * - `timeout`: no answer in time. `rate-limited`: too many requests. `server`: the server failed.
 * - `protocol`: an answer that makes no sense, mostly of something else than an API.
 * - `aborted`: it was taken back, or the page was left. `expired`: it waited in the outbox for too long and was not sent.
 * - `engine-unavailable`: the core could not be loaded, or has stopped.
 */
export type ErrorCode = ProblemCode | "invalid-options" | "engine-unavailable" | "expired";

/**
 * How a failed send ended: `rejected` and `cancelled` were certainly not taken; `unknown` may or may not have reached
 * the run, so only the application can decide whether to send it again.
 */
export type SendOutcome = "rejected" | "unknown" | "cancelled";

/** What is known about a failure. */
export interface ErrorDetails extends Omit<Problem, "code"> {
  code: ErrorCode;
  outcome?: SendOutcome | undefined;
  cause?: unknown;
}

const MARK = Symbol.for("tidegate.error");

/**
 * The one error class. `message` says what happened and what to do; the other fields are for code. No field ever holds
 * an access token. `instanceof` also holds between two copies of the package on one page.
 */
export class TidegateError extends Error {
  override readonly name = "TidegateError";
  /** The kind of failure. */
  declare readonly code: ErrorCode;
  /** Whether the same call may succeed later without a change of arguments. */
  declare readonly retryable: boolean;
  /** HTTP status of the answer, if there was one. */
  declare readonly status?: number;
  /** The server's own words, if it said something. */
  declare readonly serverMessage?: string;
  /** The scope that the token lacks, such as `write:inputStreams:run_1`, where that is the cause. */
  declare readonly missingScope?: string;
  /** With `too-large`: the largest body the server takes, in bytes. */
  declare readonly limitBytes?: number;
  /** With `too-large`: the size of this one, in bytes. */
  declare readonly actualBytes?: number;
  /** With `token-expired`: when, in milliseconds since 1970, from the token's own `exp`. */
  declare readonly expiredAtMs?: number;
  /** For a send: how it ended. */
  declare readonly outcome?: SendOutcome;

  constructor(message: string, { cause, ...fields }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    Object.assign(this, fields);
    Object.defineProperty(this, MARK, { value: true });
  }

  /** Holds for an error of any copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && MARK in value;
  }
}

/** A wrong or missing argument: nothing was sent. */
export function invalidOptions(message: string): TidegateError {
  return new TidegateError(message, { code: "invalid-options", retryable: false, outcome: "rejected" });
}

/** What was taken back before it had any effect. */
export function cancelled(what = "send"): TidegateError {
  return new TidegateError(`The ${what} was cancelled.`, { code: "aborted", retryable: true, outcome: "cancelled" });
}

/** The words of whatever was thrown. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
