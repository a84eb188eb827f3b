import { askToken } from "../wasm/ask-token.js";
import { crashed, describe, warn } from "../wasm/describe.js";
import type { Engine, EngineEvent, EngineKind, Problem, SendChange, Sink, StreamChange } from "../wasm/interface.js";
import type { Core } from "../wasm/load.js";
import { hasFewConnections, isOnline, isVisible, watchPage } from "../wasm/page-events.js";

/** Records what it is told and says what a test makes it say. Never shipped. */
export class FakeEngine implements Engine {
  readonly calls: [name: string, ...args: unknown[]][] = [];
  readonly sink: Sink;
  /** Throws from the next call of this method, as a trapped core does. */
  trapIn: string | undefined;
  #lastId = 0;

  constructor(sink: Sink) {
    this.sink = sink;
  }

  openPrincipal = this.#method("openPrincipal", true);
  closePrincipal = this.#method("closePrincipal");
  setRenewable = this.#method("setRenewable");
  setToken = this.#method("setToken");
  failToken = this.#method("failToken");
  send = this.#method("send", true);
  cancelSend = this.#method("cancelSend");
  retrySend = this.#method("retrySend");
  forgetSend = this.#method("forgetSend");
  subscribe = this.#method("subscribe", true);
  unsubscribe = this.#method("unsubscribe");
  setReading = this.#method("setReading");
  follow = this.#method("follow", true);
  unfollow = this.#method("unfollow");
  call = this.#method("call", true);
  /** Calls wait for a token or for the network. */
  holdsCalls = false;
  readonly #cancelCall = this.#method("cancelCall");
  cancelCall = (call: number): number => this.#cancelCall(call) || +this.holdsCalls;
  setVisible = this.#method("setVisible");
  wake = this.#method("wake");
  setOnline = this.#method("setOnline");
  free = this.#method("free");

  /** Calls of one method, without its name. */
  of(name: keyof Engine): unknown[][] {
    return this.calls.filter(([called]) => called === name).map(([, ...args]) => args);
  }

  /** Ids handed out by one method, oldest first. */
  idsOf(name: "send" | "subscribe" | "openPrincipal" | "follow" | "call"): number[] {
    return this.#ids.filter(([by]) => by === name).map(([, id]) => id);
  }

  changeSend(send: number, change: Partial<SendChange> & Pick<SendChange, "state">): void {
    this.sink.event({ type: "send-changed", send, attempt: 1, ...change });
  }

  changeStream(subscription: number, change: Partial<StreamChange> & Pick<StreamChange, "status">): void {
    this.sink.event({ type: "stream-changed", subscription, attempt: 0, ...change });
  }

  changeFeed(feed: number, change: Partial<StreamChange> & Pick<StreamChange, "status">): void {
    this.sink.event({ type: "feed-changed", feed, attempt: 0, ...change });
  }

  /** Messages of a feed; by themselves they are complete. */
  rows(feed: number, messages: unknown[], how: { schema?: object; fresh?: boolean; complete?: boolean } = {}): void {
    const { schema, fresh = schema !== undefined, complete = true } = how;
    this.sink.rows(feed, JSON.stringify(messages), schema && JSON.stringify(schema), fresh, complete);
  }

  answerCall(call: number, answer: unknown, token?: string): void {
    this.sink.event({ type: "call-answered", call, text: JSON.stringify(answer), ...(token && { token }) });
  }

  failCall(call: number, error: Problem, unknown = false): void {
    this.sink.event({ type: "call-failed", call, unknown, error });
  }

  emit(event: EngineEvent): void {
    this.sink.event(event);
  }

  parts(subscription: number, parts: unknown[], lastEventId: string): void {
    this.sink.parts(subscription, JSON.stringify(parts), lastEventId, 0);
  }

  /** A part that the core has not looked into, in a text of this form. */
  largePart(subscription: number, text: string, lastEventId: string, form: 1 | 2): void {
    this.sink.parts(subscription, text, lastEventId, form);
  }

  readonly #ids: [string, number][] = [];

  #method(name: string, makesId = false) {
    return (...args: unknown[]): number => {
      this.calls.push([name, ...args]);
      if (this.trapIn === name) {
        this.trapIn = undefined;
        throw new WebAssembly.RuntimeError("unreachable");
      }
      if (!makesId) return 0;
      this.#lastId += 1;
      this.#ids.push([name, this.#lastId]);
      return this.#lastId;
    };
  }
}

/** A loader of fake engines that a test can hold back or make fail. */
export class FakeLoader {
  readonly engines: FakeEngine[] = [];
  loads = 0;
  failure: unknown;
  /** There are two cores, as on a page: one without feeds and calls, and one with them. */
  isSplit = false;
  runsAs: EngineKind = "wasm";

  readonly load = async (runs = false): Promise<Core> => {
    this.loads += 1;
    if (this.failure) throw this.failure;
    const createEngine = (sink: Sink) => {
      const engine = new FakeEngine(sink);
      this.engines.push(engine);
      return engine;
    };
    const kind = { engine: this.runsAs, runs: runs || !this.isSplit };
    return {
      ...kind,
      createEngine,
      describe,
      crashed,
      warn,
      askToken,
      watchPage,
      isOnline,
      isVisible,
      hasFewConnections,
    };
  };

  /** The newest engine. */
  get engine(): FakeEngine {
    const engine = this.engines.at(-1);
    if (!engine) throw new Error("no engine has been loaded");
    return engine;
  }
}

/** Lets promises that are already settled run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
}
