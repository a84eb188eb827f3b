import type { Engine, Problem, SendState, Sink } from "./interface.js";

/** What comes with the lazily loaded part: the core, words for what it reports, and what it has to hear of. */
export interface Core {
  /** Makes an engine. From the second call on on a fresh instance: the one before is given up. */
  createEngine(sink: Sink): Engine;
  /** What happened and what to do about it. */
  describe(problem: Problem, state?: SendState): string;
  /** What a stop of the core means for a call, for people. */
  readonly crashed: string;
  /** Tells the developer of what is no call's own error: a record that was skipped, or where the core stopped. */
  warn(about: { id: string; reason: string } | string): void;
  /** Asks a token function once; rejects with a sentence for the developer. */
  askToken(provide?: () => unknown): Promise<string>;
  /** Tells when the page may have missed something. */
  watchPage(page: { wake(): void; setOnline(online: boolean): void }): void;
  /** False only where the host says so. */
  isOnline(): boolean;
}

/** Why the core could not be loaded: refused by the page's policy, switched off in this browser, or anything else. */
export type LoadFailureReason = "policy" | "no-webassembly" | "other";

/** The rejection of {@link loadCore}. */
export class LoadFailure extends Error {
  constructor(
    readonly reason: LoadFailureReason,
    cause: unknown,
  ) {
    super(String(cause), { cause });
  }
}

let loading: Promise<Core> | undefined;

/**
 * Loads the core once, on first use. A refusal that cannot change while the page lives is remembered, since every
 * further attempt would only file another violation report; any other failure is tried again by the next call.
 */
export function loadCore(): Promise<Core> {
  loading ??= import("./core.js")
    .then(({ startCore }) => startCore())
    .catch((cause) => {
      const failure = new LoadFailure(reasonOf(cause), cause);
      if (failure.reason === "other") loading = undefined;
      throw failure;
    });
  return loading;
}

function reasonOf(cause: unknown): LoadFailureReason {
  if (typeof WebAssembly === "undefined") return "no-webassembly";
  return /unsafe-eval|content security|\bcsp\b/i.test(String(cause)) ? "policy" : "other";
}
