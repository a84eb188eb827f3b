import type { CallKind, FeedKind, SendChange, SendState, StreamChange } from "../wasm/interface.js";
import type { TidegateError } from "./errors.js";
import type { Endpoint } from "./options.js";
import type { Seat } from "./seat.js";

/** A change of a send as its listener sees it: the problem has become an error. */
export type SendUpdate = Omit<SendChange, "error"> & { error?: TidegateError };
/** A change of a stream as its listener sees it. */
export type StreamUpdate = Omit<StreamChange, "error"> & { error?: TidegateError };

/** A record of a stream that is not what the protocol says: it is skipped, and no data is made up for it. */
export interface UnreadableRecord {
  /** Its position in the stream. */
  readonly id: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** Hears of a stream. */
export interface StreamListener {
  changed(update: StreamUpdate): void;
  /** `size` is the length of the parts as JSON text, where that is known. */
  parts(parts: unknown[], lastEventId: string, size?: number): void;
  /** Without it the developer is told in the console. */
  unreadable?(record: UnreadableRecord): void;
}

/** Ends the reading of a stream: no event follows that call. */
export interface StopReading {
  (): void;
  /** Whether more parts are wanted; what is on its way still comes. Not every way of reading can be held back. */
  setReading?(wanted: boolean): void;
}

/** One endpoint under one identity. `holds` counts what still needs it: holders, pending sends, open streams. */
export interface Principal {
  readonly endpoint: Endpoint;
  /** What the engines call it that know of it. */
  readonly ids: Map<Seat, number>;
  token?: string | undefined;
  provide?: (() => unknown) | undefined;
  /** The question to the token function that is still open, and who asks. */
  question?: Set<Seat> | undefined;
  holds: number;
  /** Called before the engine gets a token: after that, what waited for one has left. */
  readonly beforeToken: Set<() => void>;
}

/** What to send, and who hears of it. */
export interface SendRequest {
  readonly principal: Principal;
  readonly runId: string;
  readonly streamId: string;
  readonly json: string;
  readonly listener: (update: SendUpdate) => void;
}

/** What to read, and who hears of it. */
export interface StreamRequest {
  readonly principal: Principal;
  readonly runId: string;
  readonly key: string;
  readonly lastEventId: string | undefined;
  readonly timeoutInSeconds: number | undefined;
  readonly listener: StreamListener;
}

/** Which runs a feed is of, as the core wants it. */
export interface FeedAddress {
  readonly kind: FeedKind;
  readonly name: string;
  readonly query: string;
  /** Goes on after its run has finished. */
  readonly endless: boolean;
}

/** Hears of a feed of runs. */
export interface FeedListener {
  changed(update: StreamUpdate): void;
  /** Messages of its log, as the core hands them over: see `Sink.rows`. */
  rows(text: string, schema: string | undefined, fresh: boolean, complete: boolean): void;
}

/** What to follow, and who hears of it. */
export interface FeedRequest {
  readonly principal: Principal;
  readonly address: FeedAddress;
  readonly listener: FeedListener;
}

/** What to ask. `body` is JSON text, or empty for what only reads. */
export interface CallRequest {
  readonly principal: Principal;
  readonly what: CallKind;
  readonly name: string;
  readonly body: string;
  readonly signal?: AbortSignal | undefined;
}

/** What was answered; `token` is the one that came with it. */
export interface CallAnswer {
  readonly text: string;
  readonly token?: string | undefined;
}

/** Makes calls: in a page through the pump, in a backend whoever asks the server directly. */
export interface Caller {
  /** Rejects with a {@link TidegateError}. */
  call(request: CallRequest): Promise<CallAnswer>;
}

/** Where an entry is: with which engine, under the id that it has there. */
interface Seated {
  id?: number | undefined;
  seat?: Seat | undefined;
}

/** A send as the pump keeps it. */
export interface SendEntry extends SendRequest, Seated {
  state: SendState;
}

/** How a reader stood when it was last told. */
interface Standing {
  last?: StreamUpdate;
  /** On the clock of `performance.now()`. */
  toldAt?: number;
}

/** A stream as the pump keeps it, with where to resume. */
export interface StreamEntry extends StreamRequest, Seated, Standing {
  cursor: string | undefined;
  ended: boolean;
  held?: boolean | undefined;
}

/** A feed as the pump keeps it. After a restart of the engine it begins with a fresh snapshot. */
export interface FeedEntry extends FeedRequest, Seated, Standing {
  ended: boolean;
}

/** A call as the pump keeps it, until it is settled. */
export interface CallEntry extends CallRequest, Seated {
  /** An engine has been told of it, so that it may have been asked for: also by one that is lost. */
  left?: boolean;
  /** What becomes of it if nothing more is heard of it. */
  readonly outcome: "rejected" | "unknown";
  settle(error?: TidegateError, answer?: CallAnswer): void;
}

/** What its owner can do with a send. */
export interface SendHandle {
  /** Queued: cancelled. On its way: given up, with an unknown outcome. Settled: nothing happens. */
  cancel(): void;
  /** Puts a send that was not accepted at the end of the queue again. */
  retry(): void;
  /** Frees what is kept for a retry. */
  forget(): void;
}
