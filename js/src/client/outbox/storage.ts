import type { OutboxOptions } from "../options.js";

/** A send as it is kept over a reload. It never holds a token. */
export interface OutboxItem {
  readonly id: string;
  readonly baseURL: string;
  readonly branch: string | undefined;
  /** As whom: the subject of a JWT, or only what kind of token it was. */
  readonly identity: string;
  readonly runId: string;
  readonly streamId: string;
  readonly json: string;
  /** Milliseconds since 1970, as is `expiresAt`. */
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Of the tab that wrote it: the one that sends it where there are no Web Locks. */
  readonly tab: string;
  /** `leaving` from before it can leave until its outcome is known: such an item may have arrived. */
  readonly state: "queued" | "leaving";
}

/** Where items are kept. */
export interface OutboxStorage {
  all(): Promise<OutboxItem[]>;
  get(id: string): Promise<OutboxItem | undefined>;
  put(item: OutboxItem): Promise<unknown>;
  delete(id: string): Promise<unknown>;
}

/** The storage of that kind; rejects with a sentence why there is none. */
export async function openStorage(kind: OutboxOptions["outbox"]): Promise<OutboxStorage> {
  if (kind === "session") return sessionItems(sessionStorage);
  if (kind === "indexeddb") return (await import("./indexed-db.js")).openDatabase();
  throw new Error(`outbox must be "session" or "indexeddb", not ${JSON.stringify(kind)}`);
}

const PREFIX = "tidegate-outbox:";

function sessionItems(storage: Storage): OutboxStorage {
  const get = async (id: string) => {
    const text = storage.getItem(PREFIX + id);
    return text === null ? undefined : (JSON.parse(text) as OutboxItem);
  };
  return {
    get,
    async all() {
      const keys = Object.keys(storage).filter((key) => key.startsWith(PREFIX));
      const items = await Promise.all(keys.map((key) => get(key.slice(PREFIX.length))));
      return items.filter((item) => item !== undefined);
    },
    put: async (item) => storage.setItem(PREFIX + item.id, JSON.stringify(item)),
    delete: async (id) => storage.removeItem(PREFIX + id),
  };
}

/** Names this tab, over its reloads. */
export function tabId(): string {
  const key = "tidegate-tab";
  try {
    const known = sessionStorage.getItem(key) ?? randomId();
    sessionStorage.setItem(key, known);
    return known;
  } catch {
    return randomId();
  }
}

/** `crypto.randomUUID` needs a secure page. */
export function randomId(): string {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}
