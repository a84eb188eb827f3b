import type { EndReason, EngineKind, SendState, WaitingFor } from "../../wasm/interface.js";
import type { ErrorCode } from "../errors.js";

/** What every event has. */
export interface Happening<Type extends string> {
  /** Which event it is. */
  readonly type: Type;
  /** When it happened, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Who is at work: a server under one token identity, by a number that holds for as long as the page lives. */
export interface WithPrincipal {
  /** Counts from 1, in the order in which they were first heard of. */
  readonly principal: number;
}

/** Of which reader an event is. */
export interface ReaderName extends WithPrincipal {
  /** Counts from 1 on this page. Components and tabs that share one connection are one reader. */
  readonly reader: number;
  /** What it reads: a stream of a run, a run, the runs of some tags, or those of a batch. */
  readonly kind: "stream" | "run" | "runs" | "batch";
  /** With `stream` and `run`: of which run. */
  readonly runId?: string;
  /** With `stream`: its key. */
  readonly key?: string;
  /** With `batch`: of which batch. */
  readonly batchId?: string;
  /** With `runs`: how many tags; what they say is not told. */
  readonly tags?: number;
}

/** Why something did not work, in short. Sentences, and what the server said, stay in the error itself. */
export interface Reason {
  /** The code of the error. */
  readonly code?: ErrorCode;
  /** Where there was an answer. */
  readonly httpStatus?: number;
}

/** A reader is connected, for the first time or again. */
export interface ConnectEvent extends Happening<"connect">, ReaderName {}

/** A reader has lost its connection, or did not get one, and tries again. */
export interface RetryEvent extends Happening<"retry">, ReaderName, Reason {
  /** How often it has been tried in a row. */
  readonly attempt: number;
  /** When it will be tried next, in milliseconds from now; absent where something else has to come first, such as a token. */
  readonly retryInMs?: number;
}

/** A reader is done: it has ended, or failed for good. */
export interface EndEvent extends Happening<"end">, ReaderName, Reason {
  readonly state: "ended" | "failed";
  /** Why it has ended. */
  readonly reason?: EndReason;
}

/** The first part of a stream, or the first rows of a feed. */
export interface FirstPartEvent extends Happening<"first-part">, ReaderName {
  /** Milliseconds since somebody began to read; absent where that was before anybody listened. */
  readonly afterMs?: number;
}

/** A record of a stream was left out, since it cannot be read. */
export interface GapEvent extends Happening<"gap">, ReaderName {
  /** Its position in the stream. */
  readonly id: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** A token is wanted from the token function, has come, or has not. Tokens that are given as text come as well. */
export interface TokenEvent extends Happening<"token">, WithPrincipal {
  readonly state: "needed" | "received" | "failed";
  /** With `received`: when it expires, in milliseconds since 1970, by its own claim. */
  readonly expiresAtMs?: number;
}

/** A send has a new state. */
export interface SendEvent extends Happening<"send">, WithPrincipal, Reason {
  /** Counts from 1 on this page; the same one when it is sent again. */
  readonly send: number;
  readonly runId: string;
  readonly streamId: string;
  readonly state: SendState;
  /** While it is `queued`: what it waits for. */
  readonly waitingFor?: WaitingFor;
  /** Requests made so far. */
  readonly attempt: number;
  /** Once it is settled: milliseconds since it was queued; absent where that was before anybody listened. */
  readonly afterMs?: number;
}

/**
 * The core is loaded, runs, has crashed (another one takes over), or cannot be had. A page that begins to follow runs or to call only later
 * may load a second one. The same event for all who listen.
 */
export interface EngineEvent extends Happening<"engine"> {
  readonly state: "loading" | "running" | "crashed" | "failed";
  /** With `running`: as what. */
  readonly kind?: EngineKind;
  /** With `running`: how many milliseconds the loading took; absent where it began before anybody listened. */
  readonly afterMs?: number;
  /** With `crashed`: file and line, where the core could say so. */
  readonly place?: string;
}

/** Every event by its type. The list is stable: types and fields are added, none is taken away. */
export interface TidegateEvents {
  connect: ConnectEvent;
  retry: RetryEvent;
  end: EndEvent;
  "first-part": FirstPartEvent;
  gap: GapEvent;
  token: TokenEvent;
  send: SendEvent;
  engine: EngineEvent;
}

/** Any event; `type` says which. None holds a token or anything of a payload. */
export type TidegateEvent = TidegateEvents[keyof TidegateEvents];

/** Hears of the events of one type, or with `"*"` of all. */
export interface Listen {
  /**
   * Calls `listener` for each event from now on, in order, just after what it is about. What it throws is reported to the page as
   * uncaught, and disturbs nothing else. The code for it loads when it is first used; what happens meanwhile is told afterwards.
   *
   * @returns A function that ends it.
   * @throws TidegateError `invalid-options` when there is no listener, or no such event.
   */
  <Type extends keyof TidegateEvents>(type: Type, listener: (event: TidegateEvents[Type]) => void): () => void;
  (type: "*", listener: (event: TidegateEvent) => void): () => void;
}
