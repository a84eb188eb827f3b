import { LoadFailure, type LoadFailureReason } from "../wasm/load.js";
import { type SendOutcome, TidegateError } from "./errors.js";

const SENTENCES: Record<LoadFailureReason | "crash", string> = {
  policy:
    "This page's Content Security Policy does not allow WebAssembly. Add 'wasm-unsafe-eval' to its script-src directive.",
  "no-webassembly": "WebAssembly is switched off in this browser. Turn it on for this site, or turn off Lockdown Mode.",
  other:
    "The WebAssembly core could not be loaded. Check that the page can still fetch its own scripts, and try again.",
  crash: "The WebAssembly core stopped. Try again; if it stops again, please report it.",
};

/** The error for a core that could not be loaded ({@link LoadFailure}) or has stopped (anything else). */
export function unavailable(cause: unknown, outcome?: SendOutcome): TidegateError {
  const reason = cause instanceof LoadFailure ? cause.reason : "crash";
  const retryable = reason === "other" || reason === "crash";
  return new TidegateError(SENTENCES[reason], { code: "engine-unavailable", retryable, cause, outcome });
}
