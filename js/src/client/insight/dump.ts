import type { CallKind, EndReason, EngineKind, SendState, StreamStatus, WaitingFor } from "../../wasm/interface.js";
import type { Principal } from "../entries.js";
import { CRASH_WINDOW_MS, type EventPump } from "../event-pump.js";
import { peekPage } from "../page.js";
import { pageWatch } from "../watch.js";
import { origin } from "./clock.js";
import type { ReaderName, Reason, WithPrincipal } from "./events.js";
import { clean, expiryMsOf, nameOf, nameOfSend, numberOf, reasonOf, slim } from "./names.js";
import { version } from "./version.js";

/**
 * How everything on the page stands: what to put into a report of a problem. It holds no token, nothing of a payload, and no words of a
 * server. It does hold ids of runs, names of streams and the address of the API.
 */
export interface DebugDump {
  /** The version of this package. */
  readonly version: string;
  /** When it was made, in milliseconds since 1970. */
  readonly atMs: number;
  /** What runs the core. */
  readonly engine: {
    /** WebAssembly, or JavaScript where that is refused; absent until it has been loaded. */
    readonly kind?: EngineKind;
    readonly state: "stopped" | "loading" | "running";
    /** Those that run, by the names of their files: two for as long as the first one has sends when one that follows runs comes late. */
    readonly cores: readonly ("core" | "core-runs" | "core-js")[];
    /** How often it has crashed in the last minute. */
    readonly crashes: number;
  };
  /** Where it runs. What cannot be known here is absent. */
  readonly page: {
    readonly online?: boolean;
    readonly visible?: boolean;
    readonly secureContext?: boolean;
    readonly userAgent?: string;
  };
  /** Whom it works for, as far as anything is going on for them. */
  readonly principals: readonly DumpedPrincipal[];
  /** What is read. */
  readonly readers: readonly DumpedReader[];
  /** What is being sent, also what waits in an outbox or for a validation. What is settled is not here. */
  readonly sends: readonly DumpedSend[];
  /** What was asked and is not answered yet. */
  readonly calls: readonly DumpedCall[];
}

/** A server under one token identity. */
export interface DumpedPrincipal extends WithPrincipal {
  readonly baseURL: string;
  /** Whether it is a preview branch. */
  readonly isBranch: boolean;
  /** Where tokens come from: a text, a function, or nowhere. */
  readonly source: "text" | "function" | "none";
  /** Whether there is a token now. */
  readonly hasToken: boolean;
  /** Whether the function is being asked. */
  readonly isAsking: boolean;
  /** When the token expires, in milliseconds since 1970, by its own claim. */
  readonly expiresAtMs?: number;
}

/** A stream or a feed of runs that is read. */
export interface DumpedReader extends ReaderName, Reason {
  readonly status: StreamStatus;
  readonly attempt: number;
  /** When it will be tried next, in milliseconds since 1970. */
  readonly retryAtMs?: number;
  readonly endReason?: EndReason;
  /** With a stream: where it goes on. */
  readonly cursor?: string;
  /** With a stream: whether it is left unread for now, since nobody takes what it brings. */
  readonly isHeld?: boolean;
}

/** A send that is not settled. */
export interface DumpedSend extends WithPrincipal, Reason {
  readonly send: number;
  readonly runId: string;
  readonly streamId: string;
  readonly state: SendState;
  readonly waitingFor?: WaitingFor;
  readonly attempt: number;
}

/** A call that is not answered. */
export interface DumpedCall extends WithPrincipal {
  readonly what: "trigger" | "complete" | "retrieve" | "cancel" | "packet";
  /** Whether it may have been made already. */
  readonly hasLeft: boolean;
}

const CALLS: Record<CallKind, DumpedCall["what"]> = ["trigger", "complete", "retrieve", "cancel", "packet"];

/** Looks at a pump, or at the page's, if there is one. */
export function dump(pump = peekPage<EventPump>("pump")): DebugDump {
  const [readers, calls, crashes, seats, starting] = pump?.inspect() ?? NOTHING;
  const { sends } = pageWatch();
  const principals = new Set([...readers, ...sends, ...calls].map(({ principal }) => principal));
  return {
    version,
    atMs: Date.now(),
    engine: slim<DebugDump["engine"]>({
      kind: pump?.engine,
      state: seats.length ? "running" : starting.size ? "loading" : "stopped",
      cores: seats.map(({ core }) => (core.engine === "js" ? "core-js" : core.runs ? "core-runs" : "core")),
      crashes: crashes.filter((time) => Date.now() - time < CRASH_WINDOW_MS).length,
    }),
    page: slim({
      online: globalThis.navigator?.onLine,
      visible: globalThis.document && document.visibilityState !== "hidden",
      secureContext: globalThis.isSecureContext,
      userAgent: globalThis.navigator?.userAgent,
    }),
    principals: [...principals].map(ofPrincipal).sort((one, other) => one.principal - other.principal),
    readers: [...readers].map((reader) => {
      const { status = "connecting", attempt = 0, retryInMs, endReason, error } = reader.last ?? {};
      const toldAt = origin() + (reader.toldAt ?? 0);
      const retryAtMs = retryInMs === undefined ? undefined : Math.round(toldAt + retryInMs);
      const standing = { ...nameOf(reader), status, attempt, retryAtMs, endReason, ...reasonOf(error) };
      if ("address" in reader) return slim<DumpedReader>(standing);
      const { cursor, held: isHeld } = reader;
      return slim<DumpedReader>({ ...standing, cursor: cursor && clean(cursor), isHeld });
    }),
    sends: [...sends].map((send) => {
      const { state = "queued", waitingFor, attempt = 0, error } = send.last ?? {};
      return slim<DumpedSend>({ ...nameOfSend(send), state, waitingFor, attempt, ...reasonOf(error) });
    }),
    calls: [...calls].map(({ principal, what, left }) => ({
      principal: numberOf(principal),
      what: CALLS[what],
      hasLeft: !!left,
    })),
  };
}

const NOTHING: ReturnType<EventPump["inspect"]> = [new Set(), new Set(), [], [], new Set()];

function ofPrincipal(principal: Principal): DumpedPrincipal {
  const { endpoint, provide, token, question } = principal;
  return slim<DumpedPrincipal>({
    principal: numberOf(principal),
    baseURL: clean(endpoint.baseURL),
    isBranch: endpoint.branch !== undefined,
    source: provide ? "function" : token ? "text" : "none",
    hasToken: !!token,
    isAsking: !!question,
    expiresAtMs: expiryMsOf(principal),
  });
}
