/** Where everything that happens is told. Its methods may call the engine. */
export interface Sink {
  event(event: EngineEvent): void;
  /**
   * Parts, in order: what one network chunk brought, but for large ones, which come alone. `form` 0: `text` is valid JSON, an array
   * with one element a part. 1: it is one part, if it is JSON. 2: if it is JSON, it is an object with one part as its `data`, or `null`
   * without that. What is not JSON after all is a record that cannot be read.
   */
  parts(subscription: number, text: string, lastEventId: string, form: number): void;
  /**
   * Messages of a feed of runs, as the server wrote them: `text` is valid JSON, an array. `schema` is the server's description of the
   * columns, with the first messages of a log. `fresh`: a new snapshot begins with these, and what is not named until the next
   * `complete` is gone. `complete`: they end with up-to-date. Now, and only now, the rows may be shown.
   */
  rows(feed: number, text: string, schema: string | undefined, fresh: boolean, complete: boolean): void;
  /** The core panicked. The instance is dead; nothing more comes from it. */
  crashed(place: string): void;
}

export type EngineEvent =
  | { type: "token-needed"; principal: number }
  | {
      type: "send-changed";
      send: number;
      state: "queued" | "sending" | "accepted" | "rejected" | "unknown" | "cancelled";
      waitingFor?: "turn" | "token" | "online" | "backoff";
      attempt: number;
      error?: Problem;
    }
  | {
      type: "stream-changed";
      subscription: number;
      status: "connecting" | "live" | "reconnecting" | "paused" | "ended" | "failed";
      attempt: number;
      retryInMs?: number;
      endReason?: EndReason;
      error?: Problem;
    }
  | {
      type: "feed-changed";
      feed: number;
      status: "connecting" | "live" | "reconnecting" | "paused" | "ended" | "failed";
      attempt: number;
      retryInMs?: number;
      endReason?: EndReason;
      error?: Problem;
    }
  | { type: "record-unreadable"; subscription: number; id: string; reason: string }
  | { type: "call-answered"; call: number; text: string; token?: string }
  | { type: "call-failed"; call: number; unknown: boolean; error: Problem };

export type EndReason = "run-finished" | "stopped" | "not-found" | "forbidden" | "unauthorized" | "gone" | "refused";

export interface Problem {
  code: ErrorCode;
  retryable: boolean;
  /** The HTTP status, where there was an answer. */
  status?: number;
  /** The server's own words. */
  serverMessage?: string;
  /** What it is about, where that is not a run; or the header that an answer lacks. */
  subject?: string;
  missingScope?: string;
  limitBytes?: number;
  actualBytes?: number;
  /** From the token's own `exp`. */
  expiredAtMs?: number;
}

export type ErrorCode =
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
