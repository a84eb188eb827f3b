import { type ColumnInfo, decodeColumn } from "./columns.js";

type Texts = Readonly<Record<string, unknown>>;

/** A row as it was last shown. */
export interface Row {
  /** Its columns as they arrived. */
  readonly texts: Texts;
  /** Its columns by their types. One that cannot be read is undefined. */
  readonly columns: Readonly<Record<string, unknown>>;
}

/** What came of messages that were complete. */
export interface Commit {
  /** Keys of rows that are new or other than before, in the order in which they were first named. */
  readonly changed: readonly string[];
  /** Keys of rows that are gone. */
  readonly removed: readonly string[];
}

interface Message {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly headers?: { readonly operation?: unknown };
}

/**
 * The rows of a feed. Messages change a copy of them, and when they are complete the copy is shown: what nobody has been shown is no
 * change, and a row that says the same as before is the same object.
 */
export class Rows {
  /** By key, in the order in which they first came. */
  readonly shown = new Map<string, Row>();
  readonly #unreadable: (column: string, run: unknown) => void;
  #schema: Readonly<Record<string, ColumnInfo>> = {};
  #next = new Map<string, Texts>();
  readonly #named = new Set<string>();
  #isFresh = false;

  /** @param unreadable Hears of a column of a row whose text is not what its type says. */
  constructor(unreadable: (column: string, run: unknown) => void) {
    this.#unreadable = unreadable;
  }

  /** Takes messages; gives what they come to once they are complete. For the parameters see `Sink.rows`. */
  take(text: string, schema: string | undefined, fresh: boolean, complete: boolean): Commit | undefined {
    if (schema !== undefined) this.#schema = this.#readSchema(schema);
    if (fresh) {
      this.#next = new Map();
      this.#named.clear();
      this.#isFresh = true;
    }
    for (const message of JSON.parse(text)) this.#apply(Object(message));
    return complete ? this.#commit() : undefined;
  }

  #apply({ key, value, headers }: Message): void {
    if (typeof key !== "string") return;
    const operation = headers?.operation;
    if (operation === "insert") this.#next.set(key, Object(value));
    else if (operation === "update") this.#next.set(key, { ...this.#next.get(key), ...Object(value) });
    else if (operation === "delete") this.#next.delete(key);
    else return;
    this.#named.add(key);
  }

  #commit(): Commit {
    // Only what has been named can be gone, but for a new snapshot.
    const candidates = this.#isFresh ? this.shown.keys() : this.#named;
    const removed = [...candidates].filter((key) => this.shown.has(key) && !this.#next.has(key));
    this.#isFresh = false;
    for (const key of removed) this.shown.delete(key);
    const changed = [...this.#named].filter((key) => {
      const texts = this.#next.get(key);
      const before = this.shown.get(key);
      if (!texts || (before && isSame(before.texts, texts))) return false;
      this.shown.set(key, { texts, columns: this.#decode(key, texts, before) });
      return true;
    });
    this.#named.clear();
    return { changed, removed };
  }

  /** Without one everything is text: a run that is shown in part is more than none. */
  #readSchema(schema: string): Readonly<Record<string, ColumnInfo>> {
    try {
      return Object(JSON.parse(schema));
    } catch {
      this.#unreadable("the header electric-schema", "(any)");
      return {};
    }
  }

  #decode(key: string, texts: Texts, before: Row | undefined): Row["columns"] {
    const decode = ([name, text]: [string, unknown]) => {
      if (before && text === before.texts[name]) return [name, before.columns[name]];
      try {
        return [name, decodeColumn(text, this.#schema[name])];
      } catch {
        this.#unreadable(name, texts.friendlyId ?? key);
        return [name, undefined];
      }
    };
    return Object.fromEntries(Object.entries(texts).map(decode));
  }
}

function isSame(one: Texts, other: Texts): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
