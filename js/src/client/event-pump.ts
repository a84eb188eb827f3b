import { warnInDevelopment } from "../wasm/development.js";
import type { Engine, EngineEvent, Problem, SendState, Sink, StreamChange } from "../wasm/interface.js";
import { type Core, loadCore } from "../wasm/load.js";
import { unavailable } from "./engine-failure.js";
import type {
  CallAnswer,
  CallEntry,
  CallRequest,
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
import { cancelled, messageOf, type SendOutcome, TidegateError } from "./errors.js";
import { guard } from "./guard.js";
import type { Endpoint } from "./options.js";
import { onePerPage } from "./page.js";
import { cursorOf } from "./stream-start.js";
import { type AccessToken, sourceOf } from "./token-source.js";
import { pageWatch, type Seen } from "./watch.js";

/** With this many panics in {@link CRASH_WINDOW_MS} the core is given up until somebody asks for it again. */
const MAX_CRASHES = 3;
const CRASH_WINDOW_MS = 60_000;

/** The page's pump. */
export function pagePump(): EventPump {
  return onePerPage("pump", () => new EventPump());
}

/**
 * Owns the page's one engine. Principals, sends and streams are entries here, and the engine is told of them when it
 * runs: first start and restart after a panic are the same walk over the entries.
 */
export class EventPump {
  readonly #load: () => Promise<Core>;
  #core: Core | undefined;
  #engine: Engine | undefined;
  /** Changes with the engine, so that nothing is heard from one that has been given up. */
  #instance: object | undefined;
  #starting = false;
  #watching = false;
  #crashes: number[] = [];
  /** What the engine said while it was being called: delivered when the call is over and its result is known. */
  readonly #inbox: (() => void)[] = [];
  #calling = 0;
  readonly #watch = pageWatch();

  /** Not settled, in the order in which they have to leave. */
  readonly #pending = new Set<SendEntry>();
  readonly #readers = new Set<StreamEntry | FeedEntry>();
  readonly #calls = new Set<CallEntry>();
  readonly #principalById = new Map<number, Principal>();
  readonly #sendById = new Map<number, SendEntry>();
  readonly #streamById = new Map<number, StreamEntry>();
  readonly #feedById = new Map<number, FeedEntry>();
  readonly #callById = new Map<number, CallEntry>();

  constructor(load: () => Promise<Core> = loadCore) {
    this.#load = load;
  }

  /** For those who look: what there is, none of it theirs to change. */
  inspect() {
    return [this.#readers, this.#calls, this.#crashes, this.#engine, this.#starting] as const;
  }

  /** Opens a principal with one hold on it; nothing is loaded or sent yet. */
  openPrincipal(endpoint: Endpoint, accessToken: AccessToken | undefined): Principal {
    const principal: Principal = { endpoint, holds: 1, beforeToken: new Set() };
    this.setToken(principal, accessToken);
    return principal;
  }

  /** Gives up one hold. Without holds the principal closes. */
  release(principal: Principal): void {
    principal.holds -= 1;
    if (principal.holds > 0) return;
    const { id } = principal;
    principal.id = principal.question = undefined;
    if (id === undefined) return;
    this.#principalById.delete(id);
    for (const entry of this.#sendById.values()) if (entry.principal === principal) this.#forget(entry);
    this.#call((engine) => engine.closePrincipal(id));
  }

  /** A new token or token function: wakes what waits for one. */
  setToken(principal: Principal, accessToken: AccessToken | undefined): void {
    const source = typeof accessToken === "function" ? sourceOf(accessToken) : undefined;
    const { id, provide } = principal;
    principal.question = undefined;
    principal.provide = source && (() => source.latest());
    if (id !== undefined && !provide !== !source) this.#call((engine) => engine.setRenewable(id, !!source));
    if (typeof accessToken === "string") this.#giveToken(principal, accessToken);
  }

  send(request: SendRequest): SendHandle {
    const entry: SendEntry = { ...request, state: "queued" };
    this.#enqueue(entry);
    return {
      cancel: () => {
        if (!this.#pending.has(entry)) return;
        const { id } = entry;
        if (id !== undefined) this.#call((engine) => engine.cancelSend(id));
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
      const { id } = entry;
      if (id !== undefined) this.#call((engine) => engine.setReading(id, wanted));
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
    if (this.#engine) this.#open(entry);
    else this.#start();
    return () => {
      if (!this.#readers.delete(entry)) return;
      const { id } = entry;
      if (id !== undefined) {
        const isFeed = "address" in entry;
        (isFeed ? this.#feedById : this.#streamById).delete(id);
        this.#call((engine) => (isFeed ? engine.unfollow(id) : engine.unsubscribe(id)));
      }
      this.release(entry.principal);
    };
  }

  /** Asks once. Rejects with a {@link TidegateError}, whose `outcome` says whether it can have taken effect. */
  call(request: CallRequest): Promise<CallAnswer> {
    return new Promise((resolve, reject) => {
      const { principal, signal } = request;
      if (signal?.aborted) {
        reject(cancelled("call"));
        return;
      }
      const abort = () => {
        const { id } = entry;
        if (id !== undefined) this.#call((engine) => engine.cancelCall(id));
        const error =
          mayHaveActed(entry) && this.#toError({ code: "aborted", retryable: true, subject: "call" }, "unknown");
        entry.settle(error || cancelled("call"));
      };
      const entry: CallEntry = {
        ...request,
        settle: (error, answer) => {
          if (!this.#calls.delete(entry)) return;
          signal?.removeEventListener("abort", abort);
          if (entry.id !== undefined) this.#callById.delete(entry.id);
          if (answer) resolve(answer);
          else reject(error);
          this.release(principal);
        },
      };
      signal?.addEventListener("abort", abort);
      principal.holds += 1;
      this.#calls.add(entry);
      if (this.#engine) this.#ask(entry);
      else this.#start();
    });
  }

  #enqueue(entry: SendEntry): void {
    entry.principal.holds += 1;
    this.#pending.add(entry);
    if (this.#engine) this.#submit(entry);
    else this.#start();
  }

  #submit(entry: SendEntry): void {
    const { id, principal, runId, streamId, json } = entry;
    // Until the engine says where it stands: if this very call traps, nobody knows how far it came.
    entry.state = "sending";
    if (id !== undefined) {
      this.#call((engine) => engine.retrySend(id));
      return;
    }
    this.#call((engine) => {
      entry.id = engine.send(this.#idOf(engine, principal), runId, streamId, json);
      this.#sendById.set(entry.id, entry);
    });
  }

  #open(entry: StreamEntry | FeedEntry): void {
    this.#call((engine) => {
      const principal = this.#idOf(engine, entry.principal);
      if ("address" in entry) {
        const { kind, name, query, endless } = entry.address;
        entry.id = engine.follow(principal, kind, name, query, endless);
        this.#feedById.set(entry.id, entry);
        return;
      }
      const { runId, key, cursor, timeoutInSeconds } = entry;
      entry.id = engine.subscribe(principal, runId, key, cursorOf(cursor), timeoutInSeconds);
      this.#streamById.set(entry.id, entry);
      if (entry.held) engine.setReading(entry.id, false);
    });
  }

  #ask(entry: CallEntry): void {
    const { principal, what, name, body } = entry;
    entry.left = true;
    this.#call((engine) => {
      entry.id = engine.call(this.#idOf(engine, principal), what, name, body);
      this.#callById.set(entry.id, entry);
    });
  }

  #idOf(engine: Engine, principal: Principal): number {
    if (principal.id === undefined) {
      const { endpoint, provide, token } = principal;
      const { baseURL, branch } = endpoint;
      const scarce = this.#core?.hasFewConnections(baseURL) ?? false;
      principal.id = engine.openPrincipal(baseURL, branch, provide !== undefined, scarce);
      this.#principalById.set(principal.id, principal);
      if (token) engine.setToken(principal.id, token);
    }
    return principal.id;
  }

  async #start(): Promise<void> {
    if (this.#starting || this.#engine) return;
    this.#starting = true;
    this.#see("engine", "loading");
    try {
      this.#run(await this.#load());
    } catch (cause) {
      this.#giveUp((outcome) => unavailable(cause, outcome));
    } finally {
      this.#starting = false;
    }
  }

  #run(core: Core): void {
    const instance = {};
    this.#instance = instance;
    this.#core = core;
    this.#engine = core.createEngine(this.#sinkFor(() => this.#instance === instance));
    this.#see("engine", "running");
    if (!this.#watching) {
      this.#watching = true;
      core.watchPage({
        wake: () => this.#call((current) => current.wake()),
        setOnline: (online) => this.#call((current) => current.setOnline(online)),
        setVisible: (visible) => this.#call((current) => current.setVisible(visible)),
      });
    }
    if (!core.isOnline()) this.#call((current) => current.setOnline(false));
    if (!core.isVisible()) this.#call((current) => current.setVisible(false));
    // A listener may add, retry or close entries meanwhile; what it adds reaches the engine by itself.
    for (const entry of [...this.#readers]) {
      if (entry.id === undefined && !entry.ended && this.#readers.has(entry)) this.#open(entry);
    }
    for (const entry of [...this.#pending]) {
      if (entry.id === undefined && this.#pending.has(entry)) this.#submit(entry);
    }
    for (const entry of [...this.#calls]) {
      if (entry.id === undefined && this.#calls.has(entry)) this.#ask(entry);
    }
  }

  #sinkFor(isCurrent: () => boolean): Sink {
    const deliver = (event: () => void) => {
      if (!isCurrent()) return;
      if (this.#calling > 0) this.#inbox.push(() => isCurrent() && event());
      else guard(event);
    };
    return {
      event: (event) => deliver(() => this.#route(event)),
      parts: (...told) => deliver(() => this.#deliverParts(...told)),
      rows: (feed, ...told) =>
        deliver(() => {
          const entry = this.#feedById.get(feed);
          this.#see("part", entry);
          entry?.listener.rows(...told);
        }),
      crashed: (where) => {
        if (isCurrent()) this.#crash(where);
      },
    };
  }

  /** The only way into the engine. A trap is a panic that could not say so. */
  #call(use: (engine: Engine) => void): void {
    const engine = this.#engine;
    if (!engine) return;
    this.#calling += 1;
    try {
      use(engine);
    } catch (cause) {
      if (this.#engine === engine) this.#crash(messageOf(cause));
    } finally {
      this.#calling -= 1;
    }
    if (this.#calling === 0) this.#drain();
  }

  #drain(): void {
    for (let event = this.#inbox.shift(); event; event = this.#inbox.shift()) guard(event);
  }

  #route(event: EngineEvent): void {
    switch (event.type) {
      case "send-changed": {
        const entry = this.#sendById.get(event.send);
        if (!entry) return;
        this.#changeSend(entry, { ...event, error: this.#toError(event.error, event.state) });
        return;
      }
      case "stream-changed":
        this.#changeReader(this.#streamById.get(event.subscription), event);
        return;
      case "feed-changed":
        this.#changeReader(this.#feedById.get(event.feed), event);
        return;
      case "call-answered":
        this.#callById.get(event.call)?.settle(undefined, event);
        return;
      case "call-failed": {
        const error = this.#toError(event.error, event.unknown ? "unknown" : "rejected");
        this.#callById.get(event.call)?.settle(error);
        return;
      }
      case "token-needed":
        this.#provideToken(event.principal);
        return;
      case "record-unreadable": {
        const entry = this.#streamById.get(event.subscription);
        this.#see("gap", entry, event);
        if (entry?.listener.unreadable) entry.listener.unreadable(event);
        else this.#core?.warn(event);
      }
    }
  }

  #deliverParts(subscription: number, text: string, lastEventId: string, form: number): void {
    const entry = this.#streamById.get(subscription);
    if (!entry) return;
    if (lastEventId) entry.cursor = lastEventId;
    let parts: unknown[];
    try {
      const read = JSON.parse(text);
      parts = form ? [form > 1 ? (JSON.parse(read).data ?? null) : read] : read;
    } catch {
      const reason = "the record is not a part in JSON";
      this.#route({ type: "record-unreadable", subscription, id: lastEventId, reason });
      return;
    }
    this.#see("part", entry);
    entry.listener.parts(parts, lastEventId, text.length);
  }

  #changeReader(entry: StreamEntry | FeedEntry | undefined, event: StreamChange): void {
    if (!entry) return;
    entry.ended = event.status === "ended";
    this.#tellReader(entry, { ...event, error: this.#toError(event.error) });
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
    const { id } = entry;
    if (id === undefined) return;
    entry.id = undefined;
    this.#sendById.delete(id);
    this.#call((engine) => engine.forgetSend(id));
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
    const { id } = principal;
    if (id !== undefined) this.#call((engine) => engine.setToken(id, token));
  }

  async #provideToken(id: number): Promise<void> {
    const principal = this.#principalById.get(id);
    if (!principal || principal.question || !this.#core) return;
    const question = {};
    principal.question = question;
    this.#see("token", principal, "needed");
    const isCurrent = () => principal.question === question;
    try {
      const token = await this.#core.askToken(principal.provide);
      if (!isCurrent()) return;
      principal.question = undefined;
      this.#giveToken(principal, token);
    } catch (cause) {
      if (!isCurrent()) return;
      principal.question = undefined;
      this.#see("token", principal, "failed");
      const current = principal.id;
      if (current !== undefined) this.#call((engine) => engine.failToken(current, messageOf(cause)));
    }
  }

  /** The instance is lost; the entries are not. What was on its way may have arrived, so nobody sends that again. */
  #crash(where: string): void {
    this.#engine = undefined;
    this.#drain();
    this.#instance = undefined;
    this.#see("engine", "crashed", where);
    for (const entry of [...this.#calls]) {
      // A task that was triggered under one key would be triggered again under another; all else can be asked twice.
      if (entry.what === 0 && entry.left) entry.settle(unavailable(where, "unknown", this.#core?.crashed));
    }
    for (const byId of [this.#principalById, this.#sendById, this.#streamById, this.#feedById, this.#callById]) {
      for (const entry of byId.values()) entry.id = undefined;
      byId.clear();
    }
    this.#core?.warn(where);
    const now = Date.now();
    this.#crashes = [...this.#crashes.filter((time) => now - time < CRASH_WINDOW_MS), now];
    for (const entry of [...this.#pending]) {
      if (entry.state === "sending") {
        this.#changeSend(entry, {
          state: "unknown",
          attempt: 1,
          error: unavailable(where, "unknown", this.#core?.crashed),
        });
      }
    }
    for (const entry of [...this.#readers]) {
      if (!entry.ended) this.#tellReader(entry, { status: "reconnecting", attempt: 1 });
    }
    if (this.#crashes.length >= MAX_CRASHES)
      this.#giveUp((outcome) => unavailable(where, outcome, this.#core?.crashed));
    else queueMicrotask(() => this.#start());
  }

  #giveUp(toError: (outcome?: SendOutcome) => TidegateError): void {
    this.#see("engine", "failed", toError());
    for (const entry of [...this.#pending]) {
      this.#changeSend(entry, { state: "rejected", attempt: 0, error: toError("rejected") });
    }
    for (const entry of [...this.#calls]) entry.settle(toError(mayHaveActed(entry) ? "unknown" : "rejected"));
    for (const entry of [...this.#readers]) {
      if (!entry.ended) this.#tellReader(entry, { status: "failed", attempt: 0, error: toError() });
    }
  }

  #toError(problem: Problem | undefined, state?: SendState): TidegateError | undefined {
    if (!problem || !this.#core) return undefined;
    const outcome = state === "rejected" || state === "unknown" ? state : undefined;
    return new TidegateError(this.#core.describe(problem, state), { ...problem, outcome });
  }
}

function mayHaveActed({ left, what }: CallEntry): boolean {
  return !!left && what !== 2 && what !== 4;
}
