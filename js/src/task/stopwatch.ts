/** Adds up the time in which it runs, and says when that is too much. */
export class Stopwatch {
  readonly #limitMs: number;
  readonly #late: () => void;
  #passedMs = 0;
  #sinceMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limitMs: number, late: () => void) {
    this.#limitMs = limitMs;
    this.#late = late;
  }

  get passedMs(): number {
    return Math.round(this.#passedMs + (this.#sinceMs === undefined ? 0 : performance.now() - this.#sinceMs));
  }

  get isRunning(): boolean {
    return this.#sinceMs !== undefined;
  }

  run(): void {
    if (this.isRunning) return;
    this.#sinceMs = performance.now();
    // Longer than a timer can count, nothing lasts.
    const leftMs = this.#limitMs - this.#passedMs;
    if (leftMs < 2 ** 31) this.#timer = setTimeout(this.#late, Math.max(leftMs, 0));
  }

  rest(): void {
    clearTimeout(this.#timer);
    this.#passedMs = this.passedMs;
    this.#sinceMs = undefined;
  }
}
