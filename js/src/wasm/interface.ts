/**
 * What the WebAssembly core offers and what it calls back. Written by hand and kept narrow: everything above this
 * folder knows the core only through these types.
 */

/** One core per page. Every method returns at once; what happens later arrives through the {@link Sink}. */
export interface Engine {
  free(): void;
  openPrincipal(baseUrl: string, branch: string | undefined, renewable: boolean, scarce: boolean): number;
  closePrincipal(principal: number): void;
  setRenewable(principal: number, renewable: boolean): void;
  setToken(principal: number, token: string): void;
  failToken(principal: number, message: string): void;
  send(principal: number, runId: string, streamId: string, dataJson: string): number;
  cancelSend(send: number): void;
  retrySend(send: number): void;
  forgetSend(send: number): void;
  subscribe(
    principal: number,
    runId: string,
    key: string,
    lastEventId: string | undefined,
    timeoutSeconds: number | undefined,
  ): number;
  unsubscribe(subscription: number): void;
  /** Whether more parts are wanted. While they are not, the connection is left unread, and the server has to wait. */
  setReading(subscription: number, wanted: boolean): void;
  /**
   * Follows a feed of runs. `name` is a run id, a comma list of tags (none: every run) or a batch id, by `kind`. `query` holds further
   * parameters, already encoded, such as `skipColumns=payload%2Coutput&createdAt=1h`, or nothing. `endless`: it goes on after its run
   * has finished.
   */
  follow(principal: number, kind: FeedKind, name: string, query: string, endless: boolean): number;
  unfollow(feed: number): void;
  /** One request with an answer. `body` is JSON text, or empty for what only reads. */
  call(principal: number, what: CallKind, name: string, body: string): number;
  /** Nothing more is told of it. 1: it has not left, nor any attempt before that may have been taken. */
  cancelCall(call: number): number;
  wake(): void;
  setOnline(online: boolean): void;
  /** Feeds pause while nobody sees the page. */
  setVisible(visible: boolean): void;
}

/** Of what runs a feed is: 0 one run, 1 those with all of some tags, 2 those of a batch. */
export type FeedKind = 0 | 1 | 2;

/** What is asked: 0 trigger a task, 1 complete a wait token, 2 retrieve a run, 3 cancel a run, 4 where a stored packet lies. */
export type CallKind = 0 | 1 | 2 | 3 | 4;

/** What the core calls. It may be called from inside a call into the core. */
export interface Sink {
  event(event: EngineEvent): void;
  /**
   * Parts, in order: what one network chunk brought, but for large ones, which come alone. `form` 0: `text` is valid JSON, an array
   * with one element a part. 1: it is one part, if it is JSON. 2: if it is JSON, it is an object with one part as its `data`, or `null`
   * without that. What is not JSON after all is a record that cannot be read.
   */
  parts(subscription: number, text: string, lastEventId: string, form: number): void;
  /**
   * Messages of a feed, as the server wrote them: `text` is valid JSON, an array. `schema` is the server's description of the columns,
   * with the first messages of a log. `fresh`: a new snapshot begins with these, and what is not named until the next `complete` is gone.
   * `complete`: they end with up-to-date. Now, and only now, the rows may be shown.
   */
  rows(feed: number, text: string, schema: string | undefined, fresh: boolean, complete: boolean): void;
  /** The core panicked at `where`. The instance is dead and must not be called again. */
  crashed(where: string): void;
}

export type EngineEvent =
  | { type: "token-needed"; principal: number }
  | ({ type: "send-changed"; send: number } & SendChange)
  | ({ type: "stream-changed"; subscription: number } & StreamChange)
  | { type: "record-unreadable"; subscription: number; id: string; reason: string }
  | ({ type: "feed-changed"; feed: number } & StreamChange)
  /** `token` is the one that came with the answer, for what the call has made. */
  | { type: "call-answered"; call: number; text: string; token?: string }
  /** `unknown`: it may have taken effect. */
  | { type: "call-failed"; call: number; unknown: boolean; error: Problem };

/** Where a send stands. The last four are final until it is retried. */
export type SendState = "queued" | "sending" | "accepted" | "rejected" | "unknown" | "cancelled";

/** Why a queued send is not on its way yet. */
export type WaitingFor = "turn" | "token" | "online" | "backoff";

export interface SendChange {
  state: SendState;
  waitingFor?: WaitingFor;
  attempt: number;
  error?: Problem;
}

/** Where a subscription stands. `ended` and `failed` are final; `paused` waits for the page or the network. */
export type StreamStatus = "connecting" | "live" | "reconnecting" | "paused" | "ended" | "failed";

/** Why a stream is over. */
export type EndReason = "run-finished" | "stopped" | "not-found" | "forbidden" | "unauthorized" | "gone" | "refused";

export interface StreamChange {
  status: StreamStatus;
  attempt: number;
  /** Milliseconds until the next attempt. */
  retryInMs?: number;
  endReason?: EndReason;
  error?: Problem;
}

/** The core's account of a failure; the sentence for people is made from it in `client/errors.ts`. */
export interface Problem {
  code: ProblemCode;
  retryable: boolean;
  /** HTTP status, if an answer came. */
  status?: number;
  /** The server's own words. */
  serverMessage?: string;
  /**
   * What it is about, where that is not a run: `task`, `wait token`, `stored packet`, `tag` or `batch`; the header that an answer lacks;
   * `stream`, where nothing came of an answer that has begun; or `event`, where it is larger than any that is read.
   */
  subject?: string;
  /** The scope the token lacks, such as `write:inputStreams:run_1`. */
  missingScope?: string;
  limitBytes?: number;
  actualBytes?: number;
  /** The token's own `exp`, in milliseconds since 1970. */
  expiredAtMs?: number;
}

/** What the core can say of a failure: see `ErrorCode`. */
export type ProblemCode =
  | "run-finished"
  | "not-found"
  | "forbidden"
  | "unauthorized"
  | "token-missing"
  | "token-malformed"
  | "token-expired"
  | "invalid-data"
  | "too-large"
  | "offline"
  | "blocked"
  | "rate-limited"
  | "server"
  | "protocol"
  | "timeout"
  | "aborted";

/** What the core runs as: WebAssembly, or JavaScript made of the same where the page or the browser refuses that. */
export type EngineKind = "wasm" | "js";

/** What comes with the lazily loaded part: the core, words for what it reports, and what it has to hear of. */
export interface Core {
  readonly engine: EngineKind;
  /** Whether it follows runs and calls, besides sending and reading. */
  readonly runs: boolean;
  /** Makes an engine. From the second call on on a fresh instance: the one before is given up. */
  createEngine(sink: Sink): Engine;
  /** What happened and what to do about it. */
  describe(problem: Problem, state?: SendState): string;
  /** What a stop of the core means for a call, for people. */
  readonly crashed: string;
  /** Tells the developer of what is no call's own error: a record that was skipped, or where the core stopped. */
  warn(about: { id: string; reason: string } | string): void;
  /** Asks a token function once; rejects with a sentence for the developer. */
  askToken(provide?: () => unknown): Promise<string>;
  /** Has engines told whether the page is seen, and when it may have missed something. */
  watchPage(tell: (use: (engine: Engine) => void) => void): void;
  /** False only where the host says so. */
  isOnline(): boolean;
  /** False only where nobody sees the page. */
  isVisible(): boolean;
  /** Whether readers at that address have to take turns. */
  hasFewConnections(baseURL: string): boolean;
}
