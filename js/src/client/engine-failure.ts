import { type SendOutcome, TidegateError } from "./errors.js";

const NOT_LOADED = "The core could not be loaded. Check that the page can still fetch its own scripts, and try again.";

/** The error for a core that could not be loaded, or has stopped, which has words of its own. */
export function unavailable(cause: unknown, outcome?: SendOutcome, message = NOT_LOADED): TidegateError {
  return new TidegateError(message, { code: "engine-unavailable", retryable: true, cause, outcome });
}
