import { hasLocks, lock, lockedIds } from "./locks.js";
import { type OutboxItem, type OutboxStorage, randomId, tabId } from "./storage.js";

/** Where an item belongs. */
export type LaneAddress = Pick<OutboxItem, "baseURL" | "branch" | "identity" | "runId" | "streamId">;

/** A copy of a tab has a copy of its session, whose original holds the locks; a reloaded tab waits for none this long. */
const COPY_AFTER_MS = 3_000;

/** One item that this tab is in charge of: no other tab touches it meanwhile. What is asked of it happens in order. */
export class Kept {
  readonly item: OutboxItem;
  readonly #storage: OutboxStorage;
  #last: Promise<unknown>;
  #unlock = () => {};
  #isThere = true;

  constructor(storage: OutboxStorage, item: OutboxItem, unlock?: () => void) {
    this.item = item;
    this.#storage = storage;
    if (unlock) {
      this.#unlock = unlock;
      this.#last = Promise.resolve();
    } else this.#last = this.#create();
  }

  /** Resolves with how that went: `gone` when another tab has seen its run end, `failed` when its mark is an old one. */
  mark(state: OutboxItem["state"]): Promise<"marked" | "gone" | "failed"> {
    const { id } = this.item;
    return this.#then(async () => {
      try {
        if (!this.#isThere) return "marked";
        if (!(await this.#storage.get(id))) return "gone";
        await this.#storage.put({ ...this.item, state });
      } catch {
        // Without an item there is no mark that could mislead.
        try {
          await this.#storage.delete(id);
          this.#isThere = false;
        } catch {
          return "failed";
        }
      }
      return "marked";
    });
  }

  /** Over: removes it, and then lets go of it. What cannot be removed is marked as leaving, and shows as unknown. */
  drop(): void {
    this.#then(async () => {
      if (this.#isThere) await this.#storage.delete(this.item.id).catch(() => {});
      this.#isThere = false;
      this.#unlock();
    });
  }

  /** Leaves it to another tab or to the next page. */
  release(): void {
    this.#last.then(() => this.#unlock());
  }

  /** Locked before it can be seen. What cannot be stored is sent all the same, and is lost with the page. */
  async #create(): Promise<void> {
    this.#unlock = await lock(this.item.id);
    await this.#storage.put(this.item).catch((cause) => {
      this.#isThere = false;
      console.warn(`Tidegate: a send will not survive a reload of this page: ${cause}`);
    });
  }

  #then<R>(act: () => Promise<R>): Promise<R> {
    const done = this.#last.then(act);
    this.#last = done;
    return done;
  }
}

/** The items of one stream of one run. */
export class Custody {
  readonly #storage: OutboxStorage;
  readonly #address: LaneAddress;
  readonly #isSession: boolean;
  readonly #known = new Set<string>();

  constructor(storage: OutboxStorage, address: LaneAddress, isSession: boolean) {
    this.#storage = storage;
    // Field by field: this is what is written.
    const { baseURL, branch, identity, runId, streamId } = address;
    this.#address = { baseURL, branch, identity: kindOf(identity), runId, streamId };
    this.#isSession = isSession;
  }

  create(json: string, expiresInMs: number): Kept {
    const createdAt = Date.now();
    const id = randomId();
    this.#known.add(id);
    const times = { createdAt, expiresAt: createdAt + expiresInMs };
    return new Kept(this.#storage, { ...this.#address, id, json, ...times, tab: tabId(), state: "queued" });
  }

  /** Takes charge of what is stored and in nobody's charge, oldest first; of the rest as soon as its tab lets go of it. */
  async restore(closed: AbortSignal, adopt: (kept: Kept) => void): Promise<void> {
    const stored = (await this.#storage.all()).filter((item) => !this.#known.has(item.id) && this.#isOurs(item));
    const locked = await lockedIds();
    for (const { id } of stored.sort((a, b) => a.createdAt - b.createdAt)) {
      this.#known.add(id);
      const claimed = this.#claim(id, closed, adopt);
      if (!locked.has(id)) await claimed;
    }
  }

  /** Forgets everything of this run, in whichever tab's charge it is. */
  async dropRun(): Promise<void> {
    for (const item of await this.#storage.all()) {
      if (isSameRun(item, this.#address)) await this.#storage.delete(item.id);
    }
  }

  async #claim(id: string, closed: AbortSignal, adopt: (kept: Kept) => void): Promise<void> {
    const waiting = new AbortController();
    closed.addEventListener("abort", () => waiting.abort(), { signal: waiting.signal });
    const timer = this.#isSession ? setTimeout(() => waiting.abort(), COPY_AFTER_MS) : undefined;
    try {
      const unlock = await lock(id, waiting.signal);
      const item = await this.#storage.get(id);
      if (closed.aborted || !item) unlock();
      else adopt(new Kept(this.#storage, item, unlock));
    } catch {
      this.#known.delete(id);
      const isCopy = waiting.signal.aborted && !closed.aborted;
      if (isCopy) await this.#storage.delete(id);
    } finally {
      clearTimeout(timer);
      waiting.abort(); // and with it the listener
    }
  }

  #isOurs(item: OutboxItem): boolean {
    const { streamId, identity } = this.#address;
    const isHere = isSameRun(item, this.#address) && item.streamId === streamId && item.identity === identity;
    return isHere && (hasLocks() || item.tab === tabId());
  }
}

type RunAddress = Pick<OutboxItem, "baseURL" | "branch" | "runId">;

export function isSameRun(a: RunAddress, b: RunAddress): boolean {
  return a.baseURL === b.baseURL && a.branch === b.branch && a.runId === b.runId;
}

/** What is left of an identity after a reload: of a JWT its subject, of other tokens and of functions their kind. */
function kindOf(identity: string): string {
  const [kind] = identity.split(":", 1);
  return kind === "jwt" ? `jwt:${JSON.parse(identity.slice(4))[0]}` : String(kind);
}
