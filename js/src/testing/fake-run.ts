import type { InputWait, InputWaitResult, RunContext, TokenWaitResult } from "../task/run-context.js";

/** A run without a worker: a test answers its waits, and ends it. */
export class FakeRun implements RunContext {
  readonly parentRunId: string | undefined;
  readonly rootRunId: string | undefined;
  readonly metadata: string | undefined;
  readonly number: number | undefined;
  readonly waits: InputWait[] = [];
  past: number[] = [];
  readonly #controller = new AbortController();
  readonly signal = this.#controller.signal;
  readonly #kept = new Map<symbol, unknown>();
  readonly #beforeSleep: (() => Promise<void>)[] = [];
  readonly #finishers: ((signal: AbortSignal) => Promise<void>)[] = [];
  #hasEnded = false;
  /** What a wait comes to. Default: nothing, for ever. */
  onWait: (wait: InputWait) => Promise<InputWaitResult> = () => new Promise(() => {});

  constructor(
    readonly backend: { baseURL: string; secretKey: string },
    readonly runId = "run_1",
    given: { parentRunId?: string; rootRunId?: string; metadata?: string; number?: number } = {},
  ) {
    this.parentRunId = given.parentRunId;
    this.rootRunId = given.rootRunId;
    this.metadata = given.metadata ?? "{}";
    this.number = given.number;
  }

  async waitForInput(wait: InputWait): Promise<InputWaitResult> {
    await Promise.allSettled(this.#beforeSleep.map((finish) => finish()));
    this.waits.push(wait);
    return this.onWait(wait);
  }

  pastInputs(): readonly number[] {
    return this.past;
  }

  waitForToken(): Promise<TokenWaitResult> {
    return new Promise(() => {});
  }

  beforeSleep(finish: () => Promise<void>): void {
    this.#beforeSleep.push(finish);
  }

  atEnd(finish: (signal: AbortSignal) => Promise<void>): boolean {
    if (!this.#hasEnded) this.#finishers.push(finish);
    return !this.#hasEnded;
  }

  keep<Kept>(kind: symbol, make: () => Kept): Kept {
    if (!this.#kept.has(kind)) this.#kept.set(kind, make());
    return this.#kept.get(kind) as Kept;
  }

  cancel(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /** The signal: there is no more time. Rejects with the first thing that could not be finished. */
  async end(signal = new AbortController().signal): Promise<void> {
    const failures: unknown[] = [];
    // One may leave another.
    for (let finish = this.#finishers.shift(); finish; finish = this.#finishers.shift())
      await finish(signal).catch((error) => failures.push(error));
    this.#hasEnded = true;
    if (failures.length > 0) throw failures[0];
  }
}
