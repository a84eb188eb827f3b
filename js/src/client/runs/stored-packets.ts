import { callerOf } from "../caller.js";
import type { Principal } from "../entries.js";
import { messageOf, TidegateError } from "../errors.js";
import type { EventPump } from "../event-pump.js";
import { onePerPage } from "../page.js";
import { decodePacket } from "./packets.js";

/** Characters of packets that are kept, over all feeds of an engine; what was used last stays longest. */
const MOST_KEPT = 2 ** 24;
const MOST_AT_ONCE = 4;
const ATTEMPTS = 3;
const TIMEOUT_MS = 30_000;

interface Kept {
  readonly value: Promise<unknown>;
  size: number;
}

class Store {
  readonly #kept = new Map<string, Kept>();
  #size = 0;
  #running = 0;
  readonly #queue: (() => void)[] = [];

  /** What is under this key, or what `load` brings; at most four are loaded at once. */
  get(key: string, load: () => Promise<[value: unknown, size: number]>): Promise<unknown> {
    const found = this.#kept.get(key);
    if (found) {
      this.#kept.delete(key);
      this.#kept.set(key, found);
      return found.value;
    }
    const value = this.#turn(load).then(
      ([value, size]) => {
        kept.size = size;
        this.#size += size;
        this.#shrink();
        return value;
      },
      (error) => {
        this.#kept.delete(key);
        throw error;
      },
    );
    const kept: Kept = { value, size: 0 };
    this.#kept.set(key, kept);
    return value;
  }

  #shrink(): void {
    for (const [key, { size }] of this.#kept) {
      if (this.#size <= MOST_KEPT) return;
      if (size > 0) this.#kept.delete(key);
      this.#size -= size;
    }
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running === MOST_AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running += 1;
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}

/** The value of a packet that lies in the object store under `path`. Rejects with a {@link TidegateError}. */
export function loadStored(pump: EventPump, principal: Principal, path: string): Promise<unknown> {
  const { baseURL, branch } = principal.endpoint;
  const key = JSON.stringify([baseURL, branch, path]);
  const stores = onePerPage("packets", () => new WeakMap<EventPump, Store>());
  const store = stores.get(pump) ?? new Store();
  stores.set(pump, store);
  return store.get(key, async () => {
    for (let attempt = 1; ; attempt += 1) {
      // Its address is good for some minutes only, so each attempt asks for one.
      const { text } = await callerOf(pump).call({ principal, what: 4, name: path, body: "" });
      try {
        return await download(text);
      } catch (error) {
        if (attempt === ATTEMPTS || !(error as TidegateError).retryable) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt * (0.5 + Math.random() / 2)));
    }
  });
}

async function download(answer: string): Promise<[value: unknown, size: number]> {
  const { presignedUrl } = Object(JSON.parse(answer));
  const { data, type } = await fetchPacket(presignedUrl);
  try {
    return [await decodePacket({ data, type }), data.length];
  } catch (cause) {
    throw failure(`cannot be read: ${messageOf(cause)}`, { code: "protocol", retryable: false, cause });
  }
}

/** Fetches what lies at a presigned address: plainly, since any other header would have the browser ask the store for leave. */
export async function fetchPacket(url: string): Promise<{ data: string; type: string }> {
  let response: Response;
  let data: string;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout?.(TIMEOUT_MS) });
    data = await response.text();
  } catch (cause) {
    throw failure("could not be downloaded", { code: "blocked", retryable: true, cause });
  }
  const { ok, status, headers } = response;
  if (!ok) throw failure(`was refused (HTTP ${status})`, { code: "server", retryable: status >= 500, status });
  return { data, type: headers.get("content-type") ?? "application/json" };
}

function failure(what: string, details: ConstructorParameters<typeof TidegateError>[1]): TidegateError {
  return new TidegateError(`A packet in the object store ${what}.`, details);
}
