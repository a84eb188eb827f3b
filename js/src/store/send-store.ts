import { encode } from "../client/encode.js";
import type { SendHandle, SendUpdate } from "../client/entries.js";
import { cancelled, type TidegateError } from "../client/errors.js";
import type { OutboxOptions } from "../client/options.js";
import type { StandardSchema } from "../client/schema.js";
import { SendLine } from "../client/send-line.js";
import type { SendState, WaitingFor } from "../wasm/interface.js";
import { ExternalStore } from "./external-store.js";
import { acquirePrincipal, principalKey, releasePrincipal, type Target } from "./target.js";

/** One send, as a component sees it. A new object with each change. */
export interface Send<T> {
  /** Names this send for `retry` and `cancel`; unique on the page. */
  readonly id: number;
  readonly data: T;
  /** `unknown`: it left, and no answer tells whether it arrived. The last four hold until it is retried. */
  readonly state: SendState;
  /** Why it has not left yet, while `queued`. */
  readonly waitingFor: WaitingFor | undefined;
  /** Requests made so far. */
  readonly attempt: number;
  /** What went wrong, unless it was accepted. */
  readonly error: TidegateError | undefined;
  /** When it was first sent for, in milliseconds since 1970; of one from before a reload, then. */
  readonly createdAtMs: number;
  /** When its outcome was known; undefined while it is under way. */
  readonly settledAtMs: number | undefined;
}

/** What a component sees of its sends. */
export interface SendSnapshot<T> {
  /** Oldest first: all that are under way and the newest that are settled. */
  readonly sends: readonly Send<T>[];
  /** Of the newest send; `sending` from the call to the outcome, `idle` without one or when it was cancelled. */
  readonly status: "idle" | "sending" | "accepted" | "rejected" | "unknown";
  /** Of the newest send; one that concerns the token goes when there is another token. Every send keeps its own in `sends`. */
  readonly error: TidegateError | undefined;
  /** Whether any send is under way. */
  readonly isLoading: boolean;
}

/**
 * Which sends count as one: the same data while it is under way, none, or whatever is sent while one send is under way,
 * accepted, of unknown outcome, or refused because the run has finished.
 */
export type Dedupe = "while-pending" | "none" | "once";

/** When a call gives up what it sent. A send that several calls share is cancelled when the last of them gives it up. */
export interface SendSignals {
  /** Gives it up wherever it is. */
  readonly signal?: AbortSignal | undefined;
  /** Gives it up unless it has left. */
  readonly queuedSignal?: AbortSignal | undefined;
}

/** What a call asks for besides its data. */
export interface SendWishes extends SendSignals {
  readonly schema?: StandardSchema | undefined;
}

/** Where sends go, and as whom. */
export interface SendAddress extends OutboxOptions {
  readonly target: Target;
  readonly runId: string;
  readonly streamId: string;
}

/** Components with the same key see the same sends. */
export function sendStoreKey({ target, runId, streamId, outbox }: SendAddress): string {
  return JSON.stringify(["send", principalKey(target), runId, streamId, outbox]);
}

/** Of a stream to which nothing has been sent; one object, so that it is also a stable server snapshot. */
export const IDLE_SENDS: SendSnapshot<never> = { sends: [], status: "idle", error: undefined, isLoading: false };

/** Settled sends that stay visible and can be retried. */
const SETTLED_KEPT = 50;

interface Entry<T> {
  send: Send<T>;
  readonly json: string | undefined;
  handle?: SendHandle | undefined;
  /** Calls that have not given it up. */
  wanted: number;
  settled: ((send: Send<T>) => void)[];
}

let lastId = 0;

/** The sends to one input stream of one run. Without an address it can only refuse. */
export class SendStore<T> extends ExternalStore<SendSnapshot<T>> {
  readonly #address: SendAddress | undefined;
  #entries: Entry<T>[] = [];
  readonly #line: SendLine | undefined;
  /** What the newest send failed of was the token, and there is another one now. */
  #forgiven: Send<T> | undefined;
  #stopHearing: (() => void) | undefined;

  constructor(address: SendAddress | undefined) {
    super(IDLE_SENDS);
    this.#address = address;
    if (!address) return;
    const { principal, pump } = acquirePrincipal(address.target);
    const hear = () => this.#forgive();
    principal.beforeToken.add(hear);
    this.#stopHearing = () => principal.beforeToken.delete(hear);
    this.#line = new SendLine(pump, principal, { ...address, ...address.target }, (json, connect, createdAt) => {
      const entry = this.#add(JSON.parse(json), json, { state: "queued", attempt: 0 }, createdAt);
      entry.handle = connect((update) => this.#update(entry, update));
    });
  }

  /**
   * Sends, or joins a send that `dedupe` takes for the same. Resolves when that is settled; never throws or rejects. Needs
   * an address.
   */
  send(data: T, dedupe: Dedupe, wishes: SendWishes = {}): Promise<Send<T>> {
    if (wishes.signal?.aborted) return settlementOf(this.#add(data, undefined, { state: "cancelled", attempt: 0 }));
    let json: string;
    try {
      json = encode(data);
    } catch (error) {
      return this.refuse(data, error as TidegateError);
    }
    const same = this.#entries.find(({ send, json: other }) =>
      dedupe === "once" ? isConclusive(send) : dedupe === "while-pending" && isPending(send) && other === json,
    );
    if (same) return this.#want(same, wishes);
    const entry = this.#add(data, json, { state: "queued", attempt: 0 });
    const outcome = this.#want(entry, wishes);
    this.#start(entry, wishes.schema);
    return outcome;
  }

  /** Records a send that cannot be made as rejected. */
  refuse(data: T, error: TidegateError): Promise<Send<T>> {
    return settlementOf(this.#add(data, undefined, { state: "rejected", attempt: 0, error }));
  }

  /** Queues a send that was not accepted again: the given one, or the newest. */
  retry(id?: number, signals: SendSignals = {}): void {
    const entry = this.#entries.findLast(
      ({ send, json }) => (id === undefined || send.id === id) && json && !isPending(send) && send.state !== "accepted",
    );
    if (!entry || signals.signal?.aborted) return;
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
    this.#want(entry, signals);
    this.#start(entry);
  }

  /** Cancels a send that is under way: the given one, or all. */
  cancel(id?: number): void {
    for (const entry of [...this.#entries]) if (id === undefined || entry.send.id === id) entry.handle?.cancel();
  }

  /** Forgets what is settled. */
  reset(): void {
    for (const { send, handle } of this.#entries) if (!isPending(send)) handle?.forget();
    this.#entries = this.#entries.filter(({ send }) => isPending(send));
    this.#publish();
  }

  dispose(): void {
    for (const { handle } of this.#entries) handle?.forget();
    this.#stopHearing?.();
    this.#line?.close();
    if (this.#address) releasePrincipal(this.#address.target);
  }

  #add(data: T, json: string | undefined, update: SendUpdate, createdAtMs = Date.now()): Entry<T> {
    lastId += 1;
    const send = withUpdate({ id: lastId, data, createdAtMs }, update);
    const entry: Entry<T> = { send, json, wanted: 0, settled: [] };
    this.#entries.push(entry);
    this.#publish();
    return entry;
  }

  #start(entry: Entry<T>, schema?: StandardSchema): void {
    const { handle, send, json } = entry;
    const listener = (update: SendUpdate) => this.#update(entry, update);
    if (handle) handle.retry();
    else entry.handle = this.#line?.send({ data: send.data, json: json as string, schema, listener });
  }

  #want(entry: Entry<T>, { signal, queuedSignal }: SendSignals): Promise<Send<T>> {
    entry.wanted += 1;
    const settled = new AbortController();
    const giveUp = ({ target }: Event) => {
      if (target !== signal && entry.send.state !== "queued") return;
      settled.abort();
      entry.wanted -= 1;
      if (entry.wanted === 0) entry.handle?.cancel();
    };
    for (const heard of [signal, queuedSignal]) heard?.addEventListener("abort", giveUp, { signal: settled.signal });
    entry.settled.push(() => settled.abort());
    return settlementOf(entry);
  }

  #update(entry: Entry<T>, update: SendUpdate): void {
    entry.send = withUpdate(entry.send, update);
    if (!isPending(entry.send)) {
      entry.wanted = 0;
      for (const settled of entry.settled.splice(0)) settled(entry.send);
    }
    this.#publish();
  }

  #forgetOldest(): void {
    let surplus = this.#entries.filter(({ send }) => !isPending(send)).length - SETTLED_KEPT;
    this.#entries = this.#entries.filter(({ send, handle }) => {
      if (surplus <= 0 || isPending(send)) return true;
      surplus -= 1;
      handle?.forget();
      return false;
    });
  }

  #forgive(): void {
    const newest = this.#entries.at(-1)?.send;
    if (!/^(token-|unauthorized)/.test(newest?.error?.code ?? "")) return;
    this.#forgiven = newest;
    this.#publish();
  }

  #publish(): void {
    this.#forgetOldest();
    const sends = this.#entries.map(({ send }) => send);
    const newest = sends.at(-1);
    const shown = newest === this.#forgiven ? undefined : newest;
    this.publish({
      sends,
      status: shown ? statusOf(shown) : "idle",
      error: shown?.error,
      isLoading: sends.some(isPending),
    });
  }
}

function withUpdate<T>(
  { id, data, createdAtMs }: Pick<Send<T>, "id" | "data" | "createdAtMs">,
  { state, waitingFor, attempt, error = state === "cancelled" ? cancelled() : undefined }: SendUpdate,
): Send<T> {
  const settledAtMs = isPending({ state }) ? undefined : Date.now();
  return { id, data, createdAtMs, settledAtMs, state, waitingFor, attempt, error };
}

function settlementOf<T>({ send, settled }: Entry<T>): Promise<Send<T>> {
  return isPending(send) ? new Promise((resolve) => settled.push(resolve)) : Promise.resolve(send);
}

function isPending({ state }: Pick<Send<unknown>, "state">): boolean {
  return state === "queued" || state === "sending";
}

/** Whether there is nothing more to be said on a stream that takes one send. */
export function isConclusive(send: Send<unknown>): boolean {
  return send.error?.code === "run-finished" || (send.state !== "rejected" && send.state !== "cancelled");
}

function statusOf({ state }: Send<unknown>): SendSnapshot<unknown>["status"] {
  return state === "queued" ? "sending" : state === "cancelled" ? "idle" : state;
}
