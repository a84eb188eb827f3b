import { onePerPage } from "../client/page.js";

/** How long something without users is kept: a StrictMode remount or a switch of views takes it over again. */
export const RELEASE_DELAY_MS = 500;

export interface Disposable {
  dispose(): void;
}

interface Entry {
  readonly value: Disposable;
  users: number;
  timer?: ReturnType<typeof setTimeout> | undefined;
}

/** What is open on this page, by key: made for its first user, disposed of half a second after its last one left. */
export class Registry {
  readonly #entries = new Map<string, Entry>();

  /** What is there, without using it. */
  peek<T extends Disposable>(key: string): T | undefined {
    return this.#entries.get(key)?.value as T | undefined;
  }

  /** Takes part in using what has this key. Each call is matched by one {@link release}. */
  acquire<T extends Disposable>(key: string, create: () => T): T {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { value: create(), users: 0 };
      this.#entries.set(key, entry);
    }
    clearTimeout(entry.timer);
    entry.users += 1;
    return entry.value as T;
  }

  /** Disposes at once of what nobody uses any more. */
  drop(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry || entry.users > 0) return;
    clearTimeout(entry.timer);
    this.#entries.delete(key);
    entry.value.dispose();
  }

  release(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry || --entry.users > 0) return;
    entry.timer = setTimeout(() => this.drop(key), RELEASE_DELAY_MS);
  }
}

/** The page's registry. */
export function pageRegistry(): Registry {
  return onePerPage("registry", () => new Registry());
}
