/** Where everything that happens is told. Its methods may call the engine. */
export interface Sink {
  event(event: EngineEvent): void;
  /** At most one call per network chunk. `json` is the text of a JSON array, one element per part, in order. */
  parts(subscription: number, json: string, lastEventId: string): void;
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
  | { type: "record-unreadable"; subscription: number; id: string; reason: string };

export type EndReason = "run-finished" | "stopped" | "not-found" | "forbidden" | "unauthorized" | "gone" | "refused";

export interface Problem {
  code: ErrorCode;
  retryable: boolean;
  /** The HTTP status, where there was an answer. */
  status?: number;
  /** The server's own words. */
  serverMessage?: string;
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
