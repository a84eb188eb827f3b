import { LoadFailure, type LoadFailureReason } from "../wasm/load.js";
import { type SendOutcome, TidegateError } from "./errors.js";

const SENTENCES: Record<LoadFailureReason, string> = {
  policy:
    "This page's Content Security Policy does not allow WebAssembly. Add 'wasm-unsafe-eval' to its script-src directive.",
  "no-webassembly": "WebAssembly is switched off in this browser. Turn it on for this site, or turn off Lockdown Mode.",
  other:
    "The WebAssembly core could not be loaded. Check that the page can still fetch its own scripts, and try again.",
};

/** The error for a core that could not be loaded ({@link LoadFailure}) or has stopped (anything else; with its words). */
export function unavailable(cause: unknown, outcome?: SendOutcome, crashed?: string): TidegateError {
  const reason = cause instanceof LoadFailure ? cause.reason : "other";
  const message = crashed ?? SENTENCES[reason];
  return new TidegateError(message, { code: "engine-unavailable", retryable: reason === "other", cause, outcome });
}
