import type { Principal, SendHandle, SendUpdate } from "../entries.js";
import type { TidegateError } from "../errors.js";
import type { OutboxOptions } from "../options.js";
import { Custody, isSameRun, type Kept, type LaneAddress } from "./custody.js";
import { openStorage } from "./storage.js";

/** Sends JSON to the stream; the listener hears what becomes of it. An expiry of its own counts before the outbox's. */
export type Hand = (json: string, listener: Listener, expiresInMs?: number) => SendHandle;
type Listener = (update: SendUpdate) => void;

/** One stream of one run, and what the outbox needs of its page: it is a chunk of its own, and imports nothing of it. */
export interface LaneOptions extends LaneAddress, OutboxOptions, Pick<Principal, "beforeToken"> {
  /** Sends without an outbox. */
  readonly hand: Hand;
  /** Is told of a send from before a reload, and connects to it as if it had made it. */
  readonly restored: (json: string, connect: (listener: Listener) => SendHandle, createdAt: number) => void;
  readonly Failure: typeof TidegateError;
  /** Aborted: what has not left is left to the next page. */
  readonly closed: AbortSignal;
}

interface Held {
  kept: Kept;
  expiresInMs: number;
  listener: Listener;
  /** While the engine has it. */
  handle?: SendHandle | undefined;
  /** The engine has let it go. */
  hasLeft?: boolean;
  /** The engine has it, has never let it go, and cannot before a token comes: its mark says queued. */
  needsToken?: boolean;
  /** What it becomes when the engine has taken it back. */
  final?: SendUpdate | undefined;
  timer?: ReturnType<typeof setTimeout> | undefined;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const lanes = new Set<Lane>();

/** Opens the outbox of one stream, takes charge of what is in it, and returns the way in; none where nothing can be stored. */
export async function openLane(options: LaneOptions): Promise<Hand | undefined> {
  try {
    const storage = await openStorage(options.outbox);
    if (options.closed.aborted) return undefined;
    const lane = new Lane(options, new Custody(storage, options, options.outbox === "session"));
    await lane.restore();
    return (json, listener, expiresInMs) => lane.send(json, listener, expiresInMs);
  } catch (cause) {
    console.warn(`Tidegate: sends will not survive a reload of this page: ${cause}`);
    return undefined;
  }
}

/**
 * Sends that outlive their page until they have an outcome. The engine gets them one at a time and only while the page is
 * online, for what it has may leave at any moment: each is marked as leaving before, and a mark that is found after a
 * reload says that nobody knows. What the engine has for want of a network comes back here; what it has for want of a token
 * is marked as queued meanwhile, and comes back, to be marked anew, before the engine gets one.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #custody: Custody;
  readonly #line: Held[] = [];
  readonly #expiresInMs: number;
  #running = false;

  constructor(options: LaneOptions, custody: Custody) {
    this.#options = options;
    this.#custody = custody;
    this.#expiresInMs = options.outboxExpiresInMs ?? 600_000;
    lanes.add(this);
    const signal = options.closed;
    signal.addEventListener("abort", () => this.#close());
    const resume = () => this.restore().finally(() => this.#run());
    globalThis.addEventListener?.("online", () => resume().catch(() => {}), { signal });
    globalThis.addEventListener?.("offline", () => this.#tellWaiting(), { signal });
  }

  send(json: string, listener: Listener, expiresInMs = this.#expiresInMs): SendHandle {
    const held: Held = { kept: this.#custody.create(json, expiresInMs), expiresInMs, listener };
    this.#queue(held);
    return this.#handleOf(held);
  }

  /** Takes charge of what other pages have left behind. */
  restore(): Promise<void> {
    return this.#custody.restore(this.#options.closed, (kept) => this.#adopt(kept));
  }

  #close(): void {
    lanes.delete(this);
    this.#line.forEach((held, place) => {
      const { timer, handle, kept } = held;
      clearTimeout(timer);
      const isBusy = handle || (this.#running && place === 0);
      if (!isBusy) kept.release();
      // It goes on without this component, and nobody is left who would hand it over again.
      if (held.needsToken) kept.mark("leaving").then(() => (held.needsToken = false));
    });
  }

  #handleOf(held: Held): SendHandle {
    return {
      cancel: () => this.#takeBack(held, { state: "cancelled", attempt: 0 }),
      retry: () => {
        if (this.#line.includes(held)) return;
        const before = held.kept;
        held.kept = this.#custody.create(before.item.json, held.expiresInMs);
        before.drop();
        this.#queue(held);
      },
      forget: () => {
        if (!this.#line.includes(held)) held.kept.drop();
      },
    };
  }

  #adopt(kept: Kept): void {
    const { state, json, createdAt, expiresAt } = kept.item;
    if (state === "leaving" && expiresAt <= Date.now()) {
      kept.drop();
      return;
    }
    const held: Held = { kept, expiresInMs: this.#expiresInMs, listener: () => {} };
    const connect = (listener: Listener) => {
      held.listener = listener;
      return this.#handleOf(held);
    };
    this.#options.restored(json, connect, createdAt);
    if (state === "queued") this.#queue(held);
    else held.listener(this.#failed("unknown", "aborted", LEFT));
  }

  #queue(held: Held): void {
    const { createdAt, expiresAt } = held.kept.item;
    held.final = held.handle = undefined;
    held.hasLeft = held.needsToken = false;
    const later = this.#line.findIndex(({ handle, kept }) => !handle && kept.item.createdAt > createdAt);
    this.#line.splice(later < 0 ? this.#line.length : later, 0, held);
    const expire = () => held.hasLeft || this.#takeBack(held, this.#failed("rejected", "expired", EXPIRED));
    held.timer = setTimeout(expire, Math.min(Math.max(0, expiresAt - Date.now()), LONGEST_TIMER_MS));
    this.#tellWaiting();
    if (expiresAt <= Date.now()) expire();
    this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    for (let held = this.#next(); held; held = this.#next()) {
      const mark = await held.kept.mark("leaving");
      if (this.#line[0] !== held) continue;
      if (mark === "gone") this.#settle(held, this.#failed("rejected", "run-finished", FINISHED));
      else if (mark === "failed") this.#settle(held, this.#failed("rejected", "aborted", NO_STORAGE));
      else if (this.#next() === held) await this.#send(held);
      if (this.#line[0] === held) await held.kept.mark("queued");
    }
    this.#running = false;
    if (this.#options.closed.aborted) this.#line[0]?.kept.release();
    this.#tellWaiting();
  }

  #next(): Held | undefined {
    return isOnline() && !this.#options.closed.aborted ? this.#line[0] : undefined;
  }

  /** Resolves when the engine is done with it: it has settled, or is first in line again. */
  #send(held: Held): Promise<void> {
    return new Promise((resolve) => {
      const { beforeToken, closed, hand } = this.#options;
      const takeBack = () => {
        if (held.needsToken) handle.cancel();
      };
      beforeToken.add(takeBack);
      const handle = hand(held.kept.item.json, (update) => {
        const { state, waitingFor, attempt } = update;
        const wasMarked = held.needsToken;
        held.hasLeft = state === "sending";
        held.needsToken = waitingFor === "token" && attempt === 0 && !closed.aborted;
        if (state === "queued" || state === "sending") {
          held.listener(update);
          if (held.needsToken) held.kept.mark("queued");
          else if (wasMarked && held.hasLeft) held.kept.mark("leaving");
          else if (wasMarked || (waitingFor === "online" && !isOnline()))
            queueMicrotask(() => held.hasLeft || handle.cancel());
          return;
        }
        beforeToken.delete(takeBack);
        held.handle = undefined;
        queueMicrotask(() => handle.forget());
        if (state !== "cancelled") this.#settle(held, update);
        else if (held.final) this.#settle(held, held.final);
        if (update.error?.code === "run-finished") this.#endRun();
        resolve();
      });
      held.handle = handle;
    });
  }

  #takeBack(held: Held, final: SendUpdate): void {
    if (!this.#line.includes(held)) return;
    held.final = final;
    if (held.handle) held.handle.cancel();
    else this.#settle(held, final);
  }

  #settle(held: Held, update: SendUpdate): void {
    const place = this.#line.indexOf(held);
    if (place >= 0) this.#line.splice(place, 1);
    clearTimeout(held.timer);
    if (update.state !== "unknown") held.kept.drop();
    held.listener(update);
  }

  #endRun(): void {
    for (const lane of lanes) {
      if (!isSameRun(lane.#options, this.#options)) continue;
      for (const held of lane.#line.filter(({ handle }) => !handle)) {
        lane.#settle(held, this.#failed("rejected", "run-finished", FINISHED));
      }
    }
    this.#custody.dropRun().catch(() => {});
  }

  #tellWaiting(): void {
    this.#line.forEach(({ handle, listener }, place) => {
      const waitingFor = isOnline() ? (place > 0 ? "turn" : undefined) : "online";
      if (!handle) listener({ state: "queued", attempt: 0, ...(waitingFor && { waitingFor }) });
    });
  }

  #failed(state: "rejected" | "unknown", code: "aborted" | "expired" | "run-finished", message: string): SendUpdate {
    const retryable = code !== "run-finished";
    return { state, attempt: 0, error: new this.#options.Failure(message, { code, retryable, outcome: state }) };
  }
}

const LEFT =
  "The page was left while this was on its way. It may or may not have arrived, so check before you send it again.";
const EXPIRED = "It could not be sent in time and has expired. Send it again if it still holds.";
const NO_STORAGE = "The browser's storage failed, so this was not sent. Send it again.";
const FINISHED = "The run has finished and takes no more input, so this was not sent.";

function isOnline(): boolean {
  return typeof navigator === "undefined" || navigator.onLine !== false;
}
