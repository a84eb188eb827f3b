import { warnInDevelopment } from "../wasm/development.js";
import type { EngineEvent, EngineKind, Problem, SendState, Sink, StreamChange } from "../wasm/interface.js";
import { type Core, loadCore } from "../wasm/load.js";
import { unavailable } from "./engine-failure.js";
import type {
  CallEntry,
  FeedEntry,
  FeedRequest,
  Principal,
  SendEntry,
  SendHandle,
  SendRequest,
  SendUpdate,
  StopReading,
  StreamEntry,
  StreamRequest,
  StreamUpdate,
} from "./entries.js";
import { messageOf, type SendOutcome, TidegateError } from "./errors.js";
import { guard } from "./guard.js";
import type { Endpoint } from "./options.js";
import { onePerPage } from "./page.js";
import { Seat } from "./seat.js";
import { cursorOf } from "./stream-start.js";
import { type AccessToken, sourceOf } from "./token-source.js";
import { pageWatch, type Seen } from "./watch.js";

/** With this many panics in {@link CRASH_WINDOW_MS} the core is given up until somebody asks for it again. */
const MAX_CRASHES = 3;
export const CRASH_WINDOW_MS = 60_000;

/** The page's pump. */
export function pagePump(): EventPump {
  return onePerPage("pump", () => new EventPump());
}

/**
 * Owns an engine, mostly that of the page. Principals, sends and streams are entries here, and the engine is told of them when it
 * runs: first start and restart after a panic are the same walk over the entries.
 *
 * Where feeds and calls turn out to be wanted only after the core without them has begun, the one with them takes its place. Readers
 * go over, each behind its last record, so that all that take turns are in one core. Sends stay where they are, with their keys and
 * their doubts, and new ones go behind them, until none is left there.
 */
export class EventPump {
  readonly #load: (runs?: boolean) => Promise<Core>;
  #core: Core | undefined;
  /** Those that run. One, but for a while after the larger one has come. */
  #seats: Seat[] = [];
  /** What is being loaded, by whether it is the core with feeds and calls. */
  readonly #starting = new Set<boolean>();
  #watching = false;
  #crashes: number[] = [];
  readonly #watch = pageWatch();

  /** Not settled, in the order in which they have to leave. */
  readonly #pending = new Set<SendEntry>();
  readonly #readers = new Set<StreamEntry | FeedEntry>();
  readonly #calls = new Set<CallEntry>();

  constructor(load: (runs?: boolean) => Promise<Core> = loadCore) {
    this.#load = load;
  }

  /** What the core runs as, once it has been loaded. */
  get engine(): EngineKind | undefined {
    return this.#core?.engine;
  }

  /** For those who look: what there is, none of it theirs to change. */
  inspect() {
    return [this.#readers, this.#calls, this.#crashes, this.#seats, this.#starting] as const;
  }

  /** Opens a principal with one hold on it; nothing is loaded or sent yet. */
  openPrincipal(endpoint: Endpoint, accessToken: AccessToken | undefined): Principal {
    const principal: Principal = { endpoint, ids: new Map(), holds: 1, beforeToken: new Set() };
    this.setToken(principal, accessToken);
    return principal;
  }

  /** Gives up one hold. Without holds the principal closes. */
  release(principal: Principal): void {
    principal.holds -= 1;
    if (principal.holds > 0) return;
    principal.question = undefined;
    for (const [seat, id] of principal.ids) {
      seat.principals.delete(id);
      for (const entry of seat.sends.values()) if (entry.principal === principal) this.#forget(entry);
      seat.call((engine) => engine.closePrincipal(id));
    }
    principal.ids.clear();
  }

  /** A new token or token function: wakes what waits for one. */
  setToken(principal: Principal, accessToken: AccessToken | undefined): void {
    const source = typeof accessToken === "function" ? sourceOf(accessToken) : undefined;
    const { ids, provide } = principal;
    principal.question = undefined;
    principal.provide = source && (() => source.latest());
    if (!provide !== !source) for (const [seat, id] of ids) seat.call((engine) => engine.setRenewable(id, !!source));
    if (typeof accessToken === "string") this.#giveToken(principal, accessToken);
  }

  send(request: SendRequest): SendHandle {
    const entry: SendEntry = { ...request, state: "queued" };
    this.#enqueue(entry);
    return {
      cancel: () => {
        if (!this.#pending.has(entry)) return;
        const { id = 0, seat } = entry;
        if (seat) seat.call((engine) => engine.cancelSend(id));
        else this.#changeSend(entry, { state: "cancelled", attempt: 0 });
      },
      retry: () => {
        if (this.#pending.has(entry) || entry.state === "accepted") return;
        entry.state = "queued";
        guard(() => entry.listener({ state: "queued", attempt: 0 }));
        this.#enqueue(entry);
      },
      forget: () => {
        if (!this.#pending.has(entry)) this.#forget(entry);
      },
    };
  }

  /** Reads a stream until the returned function is called; no event follows that call. */
  subscribe(request: StreamRequest): StopReading {
    const entry: StreamEntry = { ...request, cursor: request.lastEventId, ended: false };
    const setReading = (wanted: boolean) => {
      entry.held = !wanted;
      const { id = 0, seat } = entry;
      seat?.call((engine) => engine.setReading(id, wanted));
    };
    return Object.assign(this.#read(entry), { setReading });
  }

  /** Follows a feed of runs until the returned function is called; no event follows that call. */
  follow(request: FeedRequest): () => void {
    return this.#read({ ...request, ended: false });
  }

  #read(entry: StreamEntry | FeedEntry): () => void {
    entry.principal.holds += 1;
    this.#readers.add(entry);
    this.#see("open", entry);
    this.#open(entry);
    return () => {
      if (!this.#readers.delete(entry)) return;
      leave(entry);
      this.release(entry.principal);
    };
  }

  /** Keeps a call until it is settled. */
  ask(entry: CallEntry): void {
    entry.principal.holds += 1;
    this.#calls.add(entry);
    this.#ask(entry);
  }

  /** Lets go of a call; false where that has been done. */
  leave(entry: CallEntry): boolean {
    if (!this.#calls.delete(entry)) return false;
    const { id = 0, seat } = entry;
    seat?.calls.delete(id);
    this.release(entry.principal);
    return true;
  }

  #enqueue(entry: SendEntry): void {
    entry.principal.holds += 1;
    this.#pending.add(entry);
    this.#submit(entry);
  }

  #submit(entry: SendEntry): void {
    const { id = 0, principal, runId, streamId, json } = entry;
    const seat = entry.seat ?? this.#seats.find(({ sends }) => sends.size > 0) ?? this.#seatFor();
    if (!seat) return;
    // Until the engine says where it stands: if this very call traps, nobody knows how far it came.
    entry.state = "sending";
    seat.call((engine) => {
      if (entry.seat) return engine.retrySend(id);
      entry.id = engine.send(this.#idOf(seat, principal), runId, streamId, json);
      entry.seat = seat;
      seat.sends.set(entry.id, entry);
    });
  }

  #open(entry: StreamEntry | FeedEntry): void {
    const isFeed = "address" in entry;
    const seat = this.#seatFor(isFeed);
    seat?.call((engine) => {
      const principal = this.#idOf(seat, entry.principal);
      if (isFeed) {
        const { kind, name, query, endless } = entry.address;
        entry.id = engine.follow(principal, kind, name, query, endless);
      } else {
        const { runId, key, cursor, timeoutInSeconds } = entry;
        entry.id = engine.subscribe(principal, runId, key, cursorOf(cursor), timeoutInSeconds);
        if (entry.held) engine.setReading(entry.id, false);
      }
      entry.seat = seat;
      seat.readers.set(entry.id, entry);
    });
  }

  #ask(entry: CallEntry): void {
    const seat = this.#seatFor(true);
    if (!seat) return;
    const { principal, what, name, body } = entry;
    entry.left = true;
    seat.call((engine) => {
      entry.id = engine.call(this.#idOf(seat, principal), what, name, body);
      entry.seat = seat;
      seat.calls.set(entry.id, entry);
    });
  }

  #idOf(seat: Seat, principal: Principal): number {
    let id = principal.ids.get(seat);
    if (id === undefined) {
      const { endpoint, provide, token } = principal;
      const { baseURL, branch } = endpoint;
      const scarce = seat.core.hasFewConnections(baseURL);
      id = seat.engine.openPrincipal(baseURL, branch, provide !== undefined, scarce);
      principal.ids.set(seat, id);
      seat.principals.set(id, principal);
      if (token) seat.engine.setToken(id, token);
    }
    return id;
  }

  /** The newest, if it can do that. If not, one that can is loaded, and is told of everything when it is there. */
  #seatFor(runs = false): Seat | undefined {
    const seat = this.#seats.at(-1);
    if (seat && (seat.core.runs || !runs)) return seat;
    this.#start(runs);
    return undefined;
  }

  async #start(runs: boolean): Promise<void> {
    if (this.#starting.has(runs)) return;
    if (!this.#starting.size) this.#see("engine", "loading");
    this.#starting.add(runs);
    try {
      const core = await this.#load(runs);
      this.#starting.delete(runs);
      this.#run(core);
    } catch (cause) {
      this.#starting.delete(runs);
      // Another that is on its way serves, or gives up in its turn.
      if (!this.#starting.size) this.#giveUp((outcome) => unavailable(cause, outcome));
    }
  }

  #run(core: Core): void {
    const before = this.#seats.at(-1);
    if (before && (before.core.runs || !core.runs)) return;
    this.#core = core;
    const seat = new Seat(core, (seat) => this.#sinkFor(seat));
    this.#seats.push(seat);
    this.#see("engine", "running", core.engine);
    if (!this.#watching) {
      this.#watching = true;
      core.watchPage((use) => {
        for (const each of [...this.#seats]) each.call(use);
      });
    }
    if (!core.isOnline()) seat.call((current) => current.setOnline(false));
    if (!core.isVisible()) seat.call((current) => current.setVisible(false));
    this.#serve();
    this.#retire();
  }

  /** Hands what no engine has, or an older one, to the newest. */
  #serve(): void {
    const newest = this.#seats.at(-1);
    // A listener may add, retry or close entries meanwhile; what it adds reaches the engine by itself.
    for (const entry of [...this.#readers]) {
      if (entry.seat === newest || entry.ended || !this.#readers.has(entry)) continue;
      leave(entry);
      this.#open(entry);
    }
    for (const entry of [...this.#pending]) {
      if (!entry.seat && this.#pending.has(entry)) this.#submit(entry);
    }
    for (const entry of [...this.#calls]) {
      if (!entry.seat && this.#calls.has(entry)) this.#ask(entry);
    }
  }

  /** Ends what has neither sends any more nor anything else. */
  #retire(): void {
    const [oldest, next] = this.#seats;
    if (!oldest || !next || oldest.sends.size > 0) return;
    this.#seats = [next];
    this.#close(oldest);
    oldest.end();
  }

  #close(seat: Seat): void {
    for (const principal of seat.principals.values()) principal.ids.delete(seat);
    for (const byId of [seat.sends, seat.readers, seat.calls]) {
      for (const entry of byId.values()) entry.seat = undefined;
    }
  }

  #sinkFor(seat: Seat): Sink {
    return {
      event: (event) => seat.hear(() => this.#route(seat, event)),
      parts: (...told) => seat.hear(() => this.#deliverParts(seat, ...told)),
      rows: (feed, ...told) =>
        seat.hear(() => {
          const entry = seat.readers.get(feed) as FeedEntry | undefined;
          this.#see("part", entry);
          entry?.listener.rows(...told);
        }),
      crashed: (where) => seat.lose() && this.#crash(seat, where),
    };
  }

  #route(seat: Seat, event: EngineEvent): void {
    switch (event.type) {
      case "send-changed": {
        const entry = seat.sends.get(event.send);
        if (!entry) return;
        this.#changeSend(entry, { ...event, error: this.toError(event.error, event.state) });
        return;
      }
      case "stream-changed":
        this.#changeReader(seat.readers.get(event.subscription), event);
        return;
      case "feed-changed":
        this.#changeReader(seat.readers.get(event.feed), event);
        return;
      case "call-answered":
        seat.calls.get(event.call)?.settle(undefined, event);
        return;
      case "call-failed": {
        const error = this.toError(event.error, event.unknown ? "unknown" : "rejected");
        seat.calls.get(event.call)?.settle(error);
        return;
      }
      case "token-needed":
        this.#provideToken(seat, seat.principals.get(event.principal));
        return;
      case "record-unreadable": {
        const entry = seat.readers.get(event.subscription) as StreamEntry | undefined;
        this.#see("gap", entry, event);
        if (entry?.listener.unreadable) entry.listener.unreadable(event);
        else seat.core.warn(event);
      }
    }
  }

  #deliverParts(seat: Seat, subscription: number, text: string, lastEventId: string, form: number): void {
    const entry = seat.readers.get(subscription) as StreamEntry | undefined;
    if (!entry) return;
    if (lastEventId) entry.cursor = lastEventId;
    let parts: unknown[];
    try {
      const read = JSON.parse(text);
      parts = form ? [form > 1 ? (read.data ?? null) : read] : read;
    } catch {
      const reason = "the record is not a part in JSON";
      this.#route(seat, { type: "record-unreadable", subscription, id: lastEventId, reason });
      return;
    }
    this.#see("part", entry);
    entry.listener.parts(parts, lastEventId, text.length);
  }

  #changeReader(entry: StreamEntry | FeedEntry | undefined, event: StreamChange): void {
    if (!entry) return;
    entry.ended = event.status === "ended";
    const error = this.toError(event.error);
    warnInDevelopment(() => error?.code === "timeout" && event.error?.subject && error.message);
    this.#tellReader(entry, { ...event, error });
  }

  #tellReader(entry: StreamEntry | FeedEntry, update: StreamUpdate): void {
    entry.last = update;
    entry.toldAt = performance.now();
    this.#see("reader", entry, update);
    guard(() => entry.listener.changed(update));
  }

  #see(...seen: Seen): void {
    this.#watch.observe?.(...seen);
  }

  #changeSend(entry: SendEntry, update: SendUpdate): void {
    const { state } = update;
    entry.state = state;
    const settled = state !== "queued" && state !== "sending" && this.#pending.delete(entry);
    if (state === "accepted") this.#forget(entry);
    guard(() => entry.listener(update));
    if (settled) this.release(entry.principal);
  }

  #forget(entry: SendEntry): void {
    const { id = 0, seat } = entry;
    if (!seat) return;
    entry.seat = undefined;
    seat.sends.delete(id);
    // Of one that was accepted the engine has kept nothing.
    if (entry.state !== "accepted") seat.call((engine) => engine.forgetSend(id));
    this.#retire();
  }

  #giveToken(principal: Principal, token: string): void {
    warnInDevelopment(
      () =>
        typeof window !== "undefined" &&
        /^tr_(dev|stg|prod|preview)_/.test(token) &&
        "accessToken is a secret key, and this is a browser, where everybody can read it. Keep it on your server, and pass a public access token.",
    );
    for (const call of principal.beforeToken) call();
    principal.token = token;
    this.#see("token", principal, "received");
    for (const [seat, id] of principal.ids) seat.call((engine) => engine.setToken(id, token));
  }

  async #provideToken(seat: Seat, principal: Principal | undefined): Promise<void> {
    if (!principal) return;
    // Two engines may want one at once: it is asked for once, and a refusal is told to those that have asked.
    principal.question?.add(seat);
    if (principal.question) return;
    const question = new Set([seat]);
    principal.question = question;
    this.#see("token", principal, "needed");
    const isCurrent = () => principal.question === question;
    try {
      const token = await seat.core.askToken(principal.provide);
      if (!isCurrent()) return;
      principal.question = undefined;
      this.#giveToken(principal, token);
    } catch (cause) {
      if (!isCurrent()) return;
      principal.question = undefined;
      this.#see("token", principal, "failed");
      for (const [current, id] of principal.ids) {
        if (question.has(current)) current.call((engine) => engine.failToken(id, messageOf(cause)));
      }
    }
  }

  /** The instance is lost; the entries are not. What was on its way may have arrived, so nobody sends that again. */
  #crash(seat: Seat, where: string): void {
    const { core } = seat;
    this.#seats = this.#seats.filter((other) => other !== seat);
    this.#close(seat);
    this.#see("engine", "crashed", where);
    for (const entry of [...this.#calls]) {
      // A task that was triggered under one key would be triggered again under another; all else can be asked twice.
      if (!entry.seat && entry.what === 0 && entry.left) entry.settle(unavailable(where, "unknown", core.crashed));
    }
    core.warn(where);
    const now = Date.now();
    this.#crashes = [...this.#crashes.filter((time) => now - time < CRASH_WINDOW_MS), now];
    for (const entry of [...this.#pending]) {
      if (entry.state === "sending" && !entry.seat) {
        this.#changeSend(entry, { state: "unknown", attempt: 1, error: unavailable(where, "unknown", core.crashed) });
      }
    }
    for (const entry of [...this.#readers]) {
      if (!entry.ended && !entry.seat) this.#tellReader(entry, { status: "reconnecting", attempt: 1 });
    }
    if (this.#crashes.length >= MAX_CRASHES) this.#giveUp((outcome) => unavailable(where, outcome, core.crashed));
    else queueMicrotask(() => this.#seatFor(core.runs) && this.#serve());
  }

  /** For what no engine has. */
  #giveUp(toError: (outcome?: SendOutcome) => TidegateError): void {
    this.#see("engine", "failed");
    for (const entry of [...this.#pending]) {
      if (!entry.seat) this.#changeSend(entry, { state: "rejected", attempt: 0, error: toError("rejected") });
    }
    for (const entry of [...this.#calls]) {
      if (!entry.seat) entry.settle(toError(entry.outcome));
    }
    for (const entry of [...this.#readers]) {
      if (!entry.ended && !entry.seat) this.#tellReader(entry, { status: "failed", attempt: 0, error: toError() });
    }
  }

  toError(problem: Problem | undefined, state?: SendState): TidegateError | undefined {
    if (!problem || !this.#core) return undefined;
    const outcome = state === "rejected" || state === "unknown" ? state : undefined;
    return new TidegateError(this.#core.describe(problem, state), { ...problem, outcome });
  }
}

/** Takes a reader from its engine, which tells nothing more of it. */
function leave(entry: StreamEntry | FeedEntry): void {
  const { id = 0, seat } = entry;
  if (!seat) return;
  entry.seat = undefined;
  seat.readers.delete(id);
  seat.call((engine) => ("address" in entry ? engine.unfollow(id) : engine.unsubscribe(id)));
}
