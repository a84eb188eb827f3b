import type { Endpoint } from "./options.js";
import type { AccessToken } from "./token-source.js";

/** Where texts are kept by name: `localStorage`, or anything like it, also with promises. */
export interface ResumeStorage {
  /** The text under a name, or nothing. */
  getItem(name: string): string | null | undefined | Promise<string | null | undefined>;
  /** Keeps a text under a name. */
  setItem(name: string, text: string): unknown;
  /** Forgets what is under a name. */
  removeItem(name: string): unknown;
}

/** Where reading stands. `value` is what has been made of everything up to the cursor, where something is. */
export interface Place {
  readonly cursor: string;
  readonly value?: unknown;
}

/** What is read, and which reading of it this is. */
export interface BookmarkAddress {
  readonly target: Endpoint & { readonly accessToken: AccessToken };
  readonly runId: string;
  readonly key: string;
  /** The cursor from which it would start otherwise. */
  readonly lastEventId: string | undefined;
  readonly resume?: Resume | undefined;
}

/** Where the place of a reading is kept over a reload. */
export interface Resume {
  readonly storage: "session" | "local" | ResumeStorage;
  /** Tells it from other readings of the same stream. */
  readonly id: string | undefined;
  /** Whether something is made of the parts. */
  readonly reduces: boolean;
}

/** Characters of JSON stored per millisecond at most: storing a text that grows costs in proportion to its length. */
const STORED_PER_MS = 1000;

/** The place of one stream, kept over a reload. What cannot be stored is read again. */
export class Bookmark {
  /** What was found; undefined when there was nothing, or nothing that can be used. */
  found: Place | undefined;
  readonly #storage: ResumeStorage;
  readonly #name: string;
  readonly #reduces: boolean;
  readonly #current: () => Place | undefined;
  #stored: string | undefined;
  #nextAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasWarned = false;

  constructor(storage: ResumeStorage, name: string, reduces: boolean, current: () => Place | undefined) {
    this.#storage = storage;
    this.#name = name;
    this.#reduces = reduces;
    this.#current = current;
    if (typeof addEventListener === "function") addEventListener("pagehide", this.store);
  }

  async load(): Promise<void> {
    const place = JSON.parse((await this.#storage.getItem(this.#name)) ?? "null");
    if (typeof place?.cursor === "string" && "value" in place === this.#reduces) this.found = place;
    this.#stored = this.found?.cursor;
  }

  /** Reading has come further. */
  move(): void {
    const inMs = this.#nextAt - performance.now();
    if (inMs <= 0) this.store();
    else this.#timer ??= setTimeout(this.store, inMs);
  }

  /** Stores where reading stands, now. */
  readonly store = (): void => {
    this.#stopTimer();
    const place = this.#current();
    if (!place || place.cursor === this.#stored) return;
    this.#stored = place.cursor;
    this.#attempt(() => {
      const json = JSON.stringify(place);
      this.#nextAt = performance.now() + json.length / STORED_PER_MS;
      return this.#storage.setItem(this.#name, json);
    });
  };

  /** The stream is over: whoever comes back reads it from the beginning. */
  remove(): void {
    this.#stopTimer();
    this.#stored = this.#current()?.cursor;
    this.#attempt(() => this.#storage.removeItem(this.#name));
  }

  close(): void {
    this.#stopTimer();
    if (typeof removeEventListener === "function") removeEventListener("pagehide", this.store);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The place that was stored last stays, and is a true one. */
  async #attempt(act: () => unknown): Promise<void> {
    try {
      await act();
    } catch (cause) {
      if (!this.#hasWarned) console.warn(`Tidegate: where a stream stands could not be stored: ${cause}`);
      this.#hasWarned = true;
    }
  }
}

/**
 * The bookmark of a reading, with what was found. `identity` is that of the token; what stays of it over a reload is the subject of
 * a JWT. `current` says where reading stands, and is undefined while nobody reads. Rejects where there is no storage.
 */
export async function openBookmark(
  { target, runId, key, lastEventId, resume }: BookmarkAddress,
  identity: string,
  current: () => Place | undefined,
): Promise<Bookmark> {
  const { storage, id, reduces } = resume as Resume;
  const subject = identity.startsWith("jwt:") ? JSON.parse(identity.slice(4))[0] : null;
  const name = JSON.stringify([target.baseURL, target.branch, subject, runId, key, lastEventId, id]);
  const bookmark = new Bookmark(toStorage(storage), `tidegate-stream:${name}`, reduces, current);
  await bookmark.load().catch((cause) => {
    console.warn(`Tidegate: where a stream stood could not be read, so it is read from the beginning: ${cause}`);
  });
  return bookmark;
}

function toStorage(given: Resume["storage"]): ResumeStorage {
  if (typeof given === "object") return given;
  if (given === "local") return localStorage;
  if (given === "session") return sessionStorage;
  const message = `resume must be "session", "local" or a storage, not "${given}"`;
  console.warn(`Tidegate: ${message}, so the stream is read from the beginning.`);
  throw new Error(message);
}
