import { invalidOptions, TidegateError } from "../client/errors.js";

/** How an execution is answered that does not count any more. */
export const GONE = 410;

/** What such an execution is told. */
export function superseded(): TidegateError {
  const words = "This execution of the run does not count any more: the run has ended, or is executed anew.";
  return new TidegateError(words, { code: "aborted", retryable: false, status: GONE });
}

/** What a task is told whose run has ended before it began something: nobody would end that. `what` goes between two halves of a sentence. */
export function afterEnd(what: string): TidegateError {
  return invalidOptions(`The run has ended, and ${what} before run returns.`);
}

/** Throw it to end a run at once as failed: no other attempt follows. */
export class AbortTaskRunError extends Error {
  override readonly name = "AbortTaskRunError";
}

/** An error as a run keeps it. */
export type WireError =
  | { readonly type: "BUILT_IN_ERROR"; readonly name: string; readonly message: string; readonly stackTrace: string }
  | { readonly type: "STRING_ERROR" | "CUSTOM_ERROR"; readonly raw: string }
  | { readonly type: "INTERNAL_ERROR"; readonly code: InternalCode; readonly message?: string };

type InternalCode = "TASK_INPUT_ERROR" | "TASK_OUTPUT_ERROR" | "MAX_DURATION_EXCEEDED";

/** Why an execution has failed. */
export interface Failure {
  readonly error: WireError;
  /** Another attempt would not help. */
  readonly isFinal: boolean;
}

/** What a task threw, which may be anything. */
export function thrown(value: unknown): Failure {
  if (value instanceof Error) {
    const { name, message, stack } = value;
    const error = { type: "BUILT_IN_ERROR", name, message, stackTrace: stack ?? "" } as const;
    return { error, isFinal: name === "AbortTaskRunError" };
  }
  if (typeof value === "string" && value) return { error: { type: "STRING_ERROR", raw: value }, isFinal: false };
  return { error: { type: "CUSTOM_ERROR", raw: inWords(value) }, isFinal: false };
}

/** What is nobody's error in the task's own code. */
export function internal(code: InternalCode, message?: string): Failure {
  return { error: { type: "INTERNAL_ERROR", code, ...(message && { message }) }, isFinal: true };
}

/** An object as JSON; of anything else, which may be nothing at all, a sentence. */
function inWords(value: unknown): string {
  try {
    const json = JSON.stringify(value);
    if (json && Object(value) === value) return json;
    return `The task threw ${json ?? String(value)}, which is no Error.`;
  } catch {
    return `The task threw ${Object.prototype.toString.call(value)}, which is no Error.`;
  }
}

/** What went wrong, in one line for people. */
export function wordsOf(error: WireError): string {
  if (error.type === "BUILT_IN_ERROR") return `${error.name}: ${error.message}`;
  return error.type === "INTERNAL_ERROR" ? `${error.code}: ${error.message ?? ""}` : error.raw;
}
