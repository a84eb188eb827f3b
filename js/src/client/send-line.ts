import type { Principal, SendHandle, SendRequest } from "./entries.js";
import { TidegateError } from "./errors.js";
import type { EventPump } from "./event-pump.js";
import type { OutboxOptions } from "./options.js";
import type { Hand, LaneOptions } from "./outbox/lane.js";
import { type StandardSchema, validate } from "./schema.js";
import { type AccessToken, identityOf } from "./token-source.js";
import { unwatchQueued, watchSend } from "./watch.js";

type Listener = LineItem["listener"];

/** Where a line leads, and as whom. */
export interface LineAddress extends OutboxOptions, Pick<SendRequest, "runId" | "streamId"> {
  readonly accessToken: AccessToken;
}

/** What goes through a line. */
export interface LineItem extends Pick<SendRequest, "json" | "listener">, Pick<OutboxOptions, "outboxExpiresInMs"> {
  readonly data: unknown;
  readonly schema?: StandardSchema | undefined;
}

/**
 * The way of sends to one stream of one run: in call order, also where one has to be validated first, and through an outbox
 * where one is asked for. Until that is open sends wait; where there can be none, they go without.
 */
export class SendLine {
  #lastTurn: Promise<void> | undefined;
  #closed: AbortController | undefined;
  /** To the pump, or to the outbox in front of it. */
  #hand: Hand;
  readonly #watch: (listener: Listener) => Listener;

  constructor(pump: EventPump, principal: Principal, address: LineAddress, restored: LaneOptions["restored"]) {
    const { runId, streamId } = address;
    this.#watch = (listener) => watchSend({ principal, runId, streamId, line: this }, listener);
    this.#hand = (json, listener) => pump.send({ principal, runId, streamId, json, listener });
    if (address.outbox) this.#lastTurn = this.#openOutbox(principal, address, restored).catch(console.warn);
  }

  send({ data, json, schema, outboxExpiresInMs, listener: told }: LineItem): SendHandle {
    const listener = this.#watch(told);
    let handle: SendHandle | undefined;
    let own: object | undefined;
    const handOver = () => {
      if (handle) handle.retry();
      else handle = this.#hand(json, listener, outboxExpiresInMs);
    };
    const start = () => {
      const validated = schema && validate(schema, data);
      if (!validated && !this.#lastTurn) return handOver();
      const turn = Promise.all([validated, this.#lastTurn]).then(([error]) => {
        if (this.#lastTurn === turn) this.#lastTurn = undefined;
        if (own !== turn) return;
        own = undefined;
        if (error) listener({ state: "rejected", attempt: 0, error });
        else handOver();
      });
      own = this.#lastTurn = turn;
      listener({ state: "queued", attempt: 0 });
    };
    start();
    return {
      cancel: () => {
        if (own) {
          own = undefined;
          listener({ state: "cancelled", attempt: 0 });
        } else handle?.cancel();
      },
      retry: start,
      forget: () => handle?.forget(),
    };
  }

  /** What an outbox holds is left to the next page, or to the next line. */
  close(): void {
    this.#closed?.abort();
    unwatchQueued(this);
  }

  async #openOutbox(principal: Principal, address: LineAddress, restored: LaneOptions["restored"]) {
    this.#closed = new AbortController();
    const { signal } = this.#closed;
    const { openLane } = await import("./outbox/lane.js");
    const lane = await openLane({
      ...principal.endpoint,
      ...address,
      identity: identityOf(address.accessToken),
      beforeToken: principal.beforeToken,
      hand: this.#hand,
      restored: (json, connect, createdAt) => restored(json, (listener) => connect(this.#watch(listener)), createdAt),
      Failure: TidegateError,
      closed: signal,
    });
    if (lane) this.#hand = lane;
  }
}
