import type { RunError, RunErrorCause } from "./run.js";

interface WireError {
  type?: unknown;
  name?: unknown;
  message?: unknown;
  stackTrace?: unknown;
  raw?: unknown;
  code?: unknown;
  causes?: RunErrorCause[];
}

const EXITED = "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE";

/** What killed a process, by the first signal that is named, in this order. */
const SIGNALS: [signal: string, code: string][] = [
  ["SIGTERM", "TASK_PROCESS_SIGTERM"],
  ["SIGSEGV", "TASK_PROCESS_SIGSEGV"],
  ["SIGKILL", "TASK_PROCESS_MAYBE_OOM_KILLED"],
  ["SIGABRT", "TASK_PROCESS_MAYBE_OOM_KILLED"],
];

/** The error of a run, in the words of the official packages. One of a kind or code that is not known is told as it is. */
export function toRunError(error: unknown): RunError | undefined {
  if (!error) return undefined;
  const { type, name, message, stackTrace, raw, code, causes }: WireError = Object(error);
  const words = String(message ?? raw ?? (typeof error === "string" ? error : `an error of the type ${type}`));
  if (type === "INTERNAL_ERROR") {
    const { message: short } = internal(code === EXITED ? exitCodeOf(words) : String(code));
    // What the official packages leave out: how long a run might have taken.
    return { message: code === "MAX_DURATION_EXCEEDED" && message ? `${short}: ${message}` : short };
  }
  if (type !== "BUILT_IN_ERROR") return { message: words };
  if (name === "UnexpectedExitError" && words.startsWith("Unexpected exit with code -1")) {
    return internal(exitCodeOf(String(stackTrace ?? "")));
  }
  const isOutOfMemory = name === "Error" && words === "ffmpeg was killed with signal SIGKILL";
  if (isOutOfMemory || words === "MANUAL_OOM_KILL_ERROR") return internal("TASK_PROCESS_OOM_KILLED");
  const isDeadlock = name === "TriggerApiError" && words.startsWith("Deadlock detected:");
  return {
    name: isDeadlock ? "Concurrency Deadlock Error" : String(name),
    message: words,
    stackTrace: isDeadlock ? "" : String(stackTrace ?? ""),
    ...(causes?.length ? { causes } : {}),
  };
}

function internal(code: string): RunError {
  return { message: `trigger.dev internal error (${code})` };
}

function exitCodeOf(text: string): string {
  const start = text.slice(0, 100);
  return SIGNALS.find(([signal]) => start.includes(signal))?.[1] ?? EXITED;
}
