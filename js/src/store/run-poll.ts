import type { RetrievedRun } from "../client/calls.js";
import type { TidegateError } from "../client/errors.js";
import { callAs, toError } from "./call-store.js";
import { ExternalStore } from "./external-store.js";
import { hasFinished } from "./has-finished.js";
import { acquirePrincipal, principalKey, releasePrincipal, type Target } from "./target.js";

/** What is known of a run that is asked for. A new object with each change. */
export interface RunPollSnapshot {
  readonly run: RetrievedRun | undefined;
  /** What went wrong the last time; the run as it was last known stays. */
  readonly error: TidegateError | undefined;
  /** Whether a request is under way. */
  readonly isValidating: boolean;
}

/** When a component wants it asked again. */
export interface PollWishes {
  /** Milliseconds between two requests, until the run has finished; 0 for none. */
  readonly refreshInterval: number;
  readonly revalidateOnFocus: boolean;
  readonly revalidateOnReconnect: boolean;
}

/** Which run, and as whom. */
export interface RunPollAddress {
  readonly target: Target;
  readonly runId: string;
}

/** Of a run that nobody asks for. */
export const NO_RUN: RunPollSnapshot = { run: undefined, error: undefined, isValidating: false };

/** Components with the same key share what was answered. */
export function runPollKey({ target, runId }: RunPollAddress): string {
  return JSON.stringify(["run", principalKey(target), runId]);
}

/** An answer this young is not asked for again because another component comes. */
const FRESH_MS = 2000;
/** Coming back to the page asks at most once in this time. */
const FOCUS_MS = 5000;
/** What failed, and may go well later, is asked again after this time, twice as late each time, at most every five minutes. */
const RETRY_MS = 5000;
const MAX_RETRY_MS = 300_000;

/** A run that is asked for when somebody looks at it, and again when they want. */
export class RunPoll extends ExternalStore<RunPollSnapshot> {
  readonly #address: RunPollAddress;
  readonly #users = new Set<{ readonly wishes: PollWishes }>();
  readonly #closed = new AbortController();
  #askedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(address: RunPollAddress) {
    super(NO_RUN);
    this.#address = address;
    const { signal } = this.#closed;
    const { principal } = acquirePrincipal(address.target);
    // What it failed of may have been the token; the call is made when the principal has the new one.
    const hear = () => {
      if (/^(token-|unauthorized|forbidden)/.test(this.getSnapshot().error?.code ?? ""))
        queueMicrotask(() => this.#ask());
    };
    principal.beforeToken.add(hear);
    signal.addEventListener("abort", () => principal.beforeToken.delete(hear));
    if (typeof document === "undefined") return; // on a server, or a phone
    const onFocus = () => {
      if (document.visibilityState !== "hidden" && this.#wants("revalidateOnFocus")) this.#askUnless(FOCUS_MS);
    };
    window.addEventListener("focus", onFocus, { signal });
    document.addEventListener("visibilitychange", onFocus, { signal });
    window.addEventListener("online", () => this.#wants("revalidateOnReconnect") && this.#ask(), { signal });
  }

  /** Takes part in saying when it is asked again. */
  join(wishes: PollWishes): () => void {
    const user = { wishes };
    this.#users.add(user);
    this.#askUnless(FRESH_MS);
    this.#plan();
    return () => {
      this.#users.delete(user);
      this.#plan();
    };
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#closed.abort();
    releasePrincipal(this.#address.target);
  }

  #wants(name: "revalidateOnFocus" | "revalidateOnReconnect"): boolean {
    return [...this.#users].some(({ wishes }) => wishes[name]);
  }

  #askUnless(youngMs: number): void {
    if (performance.now() - this.#askedAt >= youngMs) this.#ask();
  }

  async #ask(): Promise<void> {
    const { signal } = this.#closed;
    if (this.getSnapshot().isValidating || signal.aborted) return;
    const { target, runId } = this.#address;
    this.#askedAt = performance.now();
    clearTimeout(this.#timer);
    this.publish({ ...this.getSnapshot(), isValidating: true });
    let answer: Partial<RunPollSnapshot>;
    try {
      const run = await callAs(target, (calls, ...as) => calls.retrieveRun(...as, runId, { signal }));
      this.#failures = 0;
      answer = { run, error: undefined };
    } catch (cause) {
      this.#failures += 1;
      answer = { error: toError(cause) };
    }
    if (signal.aborted) return;
    this.publish({ ...this.getSnapshot(), ...answer, isValidating: false });
    this.#plan();
  }

  /** When to ask next, if at all: a page that nobody sees is not kept up to date. */
  #plan(): void {
    clearTimeout(this.#timer);
    const { run, error, isValidating } = this.getSnapshot();
    if (isValidating || this.#users.size === 0 || hasFinished(run)) return;
    const intervals = [...this.#users].map(({ wishes }) => wishes.refreshInterval).filter((interval) => interval > 0);
    const retryMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** (this.#failures - 1)) * (0.75 + Math.random() / 2);
    if (error?.retryable) intervals.push(retryMs);
    if (intervals.length === 0) return;
    this.#timer = setTimeout(() => (globalThis.document?.hidden ? this.#plan() : this.#ask()), Math.min(...intervals));
  }
}
