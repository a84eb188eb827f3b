import { guard } from "../client/guard.js";

/** The last immutable snapshot of something, and who wants to hear of the next: the contract of `useSyncExternalStore`. */
export class ExternalStore<S> {
  #snapshot: S;
  readonly #listeners = new Set<() => void>();

  constructor(initial: S) {
    this.#snapshot = initial;
  }

  readonly getSnapshot = (): S => this.#snapshot;

  readonly subscribe = (listener: () => void): (() => void) => {
    // A wrapper of its own, so that the same function given twice is two listeners.
    const entry = () => listener();
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  };

  protected publish(snapshot: S): void {
    this.#snapshot = snapshot;
    for (const listener of [...this.#listeners]) guard(listener);
  }
}
