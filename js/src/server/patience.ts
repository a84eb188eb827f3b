import { cancelled, type SendOutcome, type TidegateError } from "../client/errors.js";
import { aborted, type Miss } from "./attempt.js";
import type { Identity } from "./configuration.js";
import { type Failure, toError } from "./failure.js";
import { backoffMs, pause } from "./pause.js";

const LONGEST_PAUSE_MS = 10_000;

/** How long to go on. */
export interface Endurance {
  /** How often it is tried at most. */
  readonly attempts: number;
  /** Where the server wants a longer pause than this, it is no use. */
  readonly longestMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** When to try again, and when not. */
export class Patience {
  readonly #identity: Identity;
  readonly #endurance: Endurance;
  #failures = 0;

  constructor(identity: Identity, endurance: Endurance) {
    this.#identity = identity;
    this.#endurance = endurance;
  }

  /** Resolves when it may be tried again. Rejects with a {@link TidegateError} of this outcome where that is no use. */
  async next(failure: Failure | Miss, outcome: SendOutcome): Promise<void> {
    const { attempts, longestMs, signal } = this.#endurance;
    this.#failures += 1;
    const pauseMs = Math.max(failure.afterMs, backoffMs(this.#failures, Math.min(longestMs, LONGEST_PAUSE_MS)));
    if (!failure.again || this.#failures >= attempts || pauseMs > longestMs) throw this.#fail(failure, outcome);
    await pause(pauseMs, signal);
    if (signal?.aborted)
      throw outcome === "unknown" ? this.#fail(aborted(failure.problem.subject), outcome) : cancelled("call");
  }

  #fail(failure: Failure | Miss, outcome: SendOutcome): TidegateError {
    if ("toError" in failure && failure.toError) return failure.toError(outcome);
    return toError(failure, outcome, { baseURL: this.#identity.endpoint.baseURL, key: this.#identity.token });
  }
}
