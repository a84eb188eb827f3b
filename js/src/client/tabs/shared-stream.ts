import type { StreamListener, StreamUpdate } from "../entries.js";
import type { TidegateError } from "../errors.js";
import { type Batch, History, type Position } from "./history.js";

/** What a tab says to all others that read the same. It never holds a token. */
interface Message {
  readonly tab: string;
  /** Where it stands. */
  readonly at: Position;
  readonly batches: Batch[];
  /** It is the one that reads for all. */
  readonly leads: boolean;
  /** Wants to hear from the leader, and what it has missed. */
  readonly asks?: boolean;
  /** Answers this tab. */
  readonly answers?: string;
  /** The stream's status, from a leader. */
  readonly update?: string | undefined;
}

type Channel = Pick<BroadcastChannel, "postMessage" | "onmessage" | "close">;

/** One reader, and what it needs of its page. */
export interface SharedStreamOptions {
  readonly lastEventId: string | undefined;
  readonly listener: StreamListener;
  /** Opens a connection of one's own. */
  readonly subscribe: (lastEventId: string | undefined, listener: StreamListener) => () => void;
  /** What readers with one name read and may read, and until when that is certain; none: this one reads by itself. */
  readonly name: () => Promise<{ name: string; untilMs: number } | undefined>;
  readonly Failure: typeof TidegateError;
  readonly locks: Pick<LockManager, "request">;
  readonly openChannel: (name: string) => Channel;
  /** Where `pagehide` and its kind are heard. */
  readonly page: Pick<EventTarget, "addEventListener">;
  /** How much to remember for others, in characters. Default: 2 000 000. */
  readonly memory?: number;
}

/** After this to twice this much silence a leader is asked whether it is there. */
const SILENCE_MS = 5_000;
/** For so long. Then this tab reads by itself: a leader may be suspended, which no lock tells. */
const ANSWER_MS = 2_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * One tab's part in reading a stream together. The tab that holds the lock leads: it has the connection and hands on what arrives.
 * The others follow, and take a batch only if it leads on from where they stand, so whoever speaks, in whatever order,
 * nothing is lost or repeated. A tab that cannot follow reads by itself until it stands where the leader stands.
 */
export class SharedStream {
  readonly #options: SharedStreamOptions;
  readonly #history: History;
  readonly #tab = crypto.randomUUID();
  readonly #closed = new AbortController();
  /** From joining the others until leaving them. */
  #stay = new AbortController();
  #channel: Channel | undefined;
  #leads = false;
  /** Waits for an answer of the leader. */
  #asks = false;
  /** Somebody else has been heard. */
  #hasCompany = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends the connection of one's own. */
  #stopReading: (() => void) | undefined;
  /** The newest status, as it travels. */
  #update: string | undefined;
  #isOver = false;
  #isRefused = false;
  /** The leader that has been told what it lacks. */
  #helped: string | undefined;

  constructor(options: SharedStreamOptions) {
    this.#options = options;
    this.#history = new History(options.lastEventId, options.memory);
    const { signal } = this.#closed;
    const on = (type: string, act: () => void) => options.page.addEventListener(type, act, { signal });
    // A page that rests must not lead, and one that holds a lock is not kept for the way back.
    for (const type of ["pagehide", "freeze"]) on(type, () => this.#rest());
    for (const type of ["pageshow", "resume"])
      on(type, () => this.#stay.signal.aborted && !this.#stopReading && this.#join());
    on("visibilitychange", () => this.#ask());
    this.#join();
  }

  close(): void {
    this.#closed.abort();
    this.#rest();
  }

  async #join(): Promise<void> {
    this.#stay = new AbortController();
    const { signal } = this.#stay;
    const { name, locks, openChannel } = this.#options;
    const known = this.#isRefused ? undefined : await name().catch(() => undefined);
    if (signal.aborted) return;
    if (!known) return this.#read();
    try {
      const channel = openChannel(known.name);
      channel.onmessage = ({ data }) => this.#hear(data);
      this.#channel = channel;
      const expiry = setTimeout(() => this.#renew(), Math.min(known.untilMs - Date.now(), LONGEST_TIMER_MS));
      signal.addEventListener("abort", () => {
        clearTimeout(expiry);
        channel.close();
      });
      this.#ask();
      const lead = () =>
        new Promise<void>((resolve) => {
          if (signal.aborted) return resolve();
          signal.addEventListener("abort", () => resolve());
          this.#lead();
        });
      await locks.request(known.name, { signal }, lead);
    } catch {
      if (!signal.aborted) this.#read();
    }
  }

  /** Whoever follows does so by the right of its own token. A leader's is renewed by its connection. */
  #renew(): void {
    if (this.#leads) return;
    this.#rest();
    this.#join();
  }

  #leave(): void {
    this.#stay.abort();
    clearTimeout(this.#timer);
    this.#channel = this.#timer = undefined;
    this.#leads = this.#asks = false;
  }

  #rest(): void {
    this.#leave();
    this.#stop();
  }

  #lead(): void {
    clearTimeout(this.#timer);
    this.#leads = true;
    this.#post({ update: this.#update });
    this.#read();
  }

  #read([from, ...others] = this.#history.readingPoints): void {
    this.#asks = false;
    clearTimeout(this.#timer);
    if (!from || this.#stopReading || this.#isOver) return;
    let at = from;
    let isCurrent = true;
    let unsubscribe: (() => void) | undefined;
    const stop = () => {
      isCurrent = false;
      unsubscribe?.();
    };
    this.#stopReading = stop;
    unsubscribe = this.#options.subscribe(from.cursor, {
      parts: (parts, lastEventId) => {
        if (!isCurrent) return;
        const to = { index: at.index + parts.length, cursor: lastEventId || at.cursor };
        const batch = { from: at, to, json: JSON.stringify(parts) };
        at = to;
        if (this.#take(batch, true)) return;
        // What was read again is not what it was.
        this.#stop();
        this.#read([...others, this.#history.end]);
      },
      changed: (update) => isCurrent && this.#change(update),
      // Told in the tab that reads: it is for the developer more than for people.
      unreadable: (record) => isCurrent && this.#options.listener.unreadable?.(record),
    });
    if (!isCurrent) unsubscribe();
  }

  #stop(): void {
    this.#stopReading?.();
    this.#stopReading = undefined;
  }

  /** Of one's own connection. */
  #change(update: StreamUpdate): void {
    this.#update = pack(update);
    this.#isOver = update.status === "ended";
    // A refusal is this tab's own: another one may have the better token, and gets its turn. This one hears nothing more of it.
    if (update.status === "failed") {
      this.#isRefused = true;
      this.#leave();
    }
    if (this.#leads) this.#post({ update: this.#update });
    this.#options.listener.changed(update);
  }

  /** Whether that led on from here, or was known. */
  #take(batch: Batch, isOwn = false): boolean {
    const taken = this.#history.take(batch, isOwn);
    if (!taken) return false;
    const { parts, added } = taken;
    if (!added) return true;
    if (isOwn && this.#leads && this.#hasCompany) this.#post({ batches: [added] });
    this.#options.listener.parts(parts, added.to.cursor ?? "");
    return true;
  }

  #hear({ tab, at, batches, leads, asks, answers, update }: Message): void {
    const { signal } = this.#stay;
    this.#hasCompany = true;
    for (const batch of batches) if (!signal.aborted) this.#take(batch);
    if (signal.aborted) return;
    if (this.#leads) {
      if (asks) this.#post({ answers: tab, batches: this.#history.since(at.index), update: this.#update });
      return;
    }
    if (!leads) return;
    const { end } = this.#history;
    if (this.#history.isAt(at)) {
      this.#helped = undefined;
      this.#stop();
      this.#adopt(update);
      this.#watch();
    } else if (!this.#stopReading) {
      const isAhead = end.index > at.index;
      if (isAhead && this.#helped !== tab) {
        this.#helped = tab;
        this.#post({ batches: this.#history.since(at.index) });
      }
      if (answers === this.#tab) this.#read();
      else if (isAhead) this.#watch();
      else this.#ask();
    }
  }

  #adopt(update: string | undefined): void {
    if (!update || update === this.#update) return;
    this.#update = update;
    const { error, ...rest } = JSON.parse(update);
    this.#isOver = rest.status === "ended";
    this.#options.listener.changed({
      ...rest,
      ...(error && { error: new this.#options.Failure(error.message, error) }),
    });
  }

  #watch(): void {
    clearTimeout(this.#timer);
    this.#asks = false;
    if (!this.#isOver) this.#timer = setTimeout(() => this.#ask(), SILENCE_MS * (1 + Math.random()));
  }

  #ask(): void {
    if (!this.#channel || this.#asks || this.#leads || this.#stopReading || this.#isOver) return;
    clearTimeout(this.#timer);
    this.#asks = true;
    this.#timer = setTimeout(() => this.#read(), ANSWER_MS);
    this.#post({ asks: true });
  }

  #post(message: Partial<Message>): void {
    const { end: at } = this.#history;
    this.#channel?.postMessage({ tab: this.#tab, at, leads: this.#leads, batches: [], ...message });
  }
}

function pack({ error, ...update }: StreamUpdate): string {
  return JSON.stringify({ ...update, ...(error && { error: { ...error, message: error.message } }) });
}
