import type { EngineKind } from "../wasm/interface.js";
import type { FeedEntry, Principal, SendUpdate, StreamEntry, StreamUpdate, UnreadableRecord } from "./entries.js";
import { invalidOptions } from "./errors.js";
import type { TidegateEvent, TidegateEvents } from "./insight/events.js";
import { onePerPage } from "./page.js";

/** A send from the call to its outcome, wherever it waits. */
export interface WatchedSend {
  readonly principal: Principal;
  readonly runId: string;
  readonly streamId: string;
  /** Through what it goes. */
  readonly line: object;
  last?: SendUpdate;
}

/** What happens, as those tell it to whom it happens. */
export type Seen =
  | ["engine", state: "loading" | "failed"]
  | ["engine", state: "running", kind: EngineKind]
  | ["engine", state: "crashed", where: string]
  | ["open", StreamEntry | FeedEntry]
  // Of what is not read any more there is none.
  | ["part", StreamEntry | FeedEntry | undefined]
  | ["reader", StreamEntry | FeedEntry, StreamUpdate]
  | ["gap", StreamEntry | undefined, UnreadableRecord]
  | ["token", Principal, state: "needed" | "received" | "failed"]
  | ["send", WatchedSend, SendUpdate];

/** Who wants to hear. Without a listener: what is heard becomes performance entries. */
export interface Listening {
  readonly type: string;
  readonly listener: ((event: TidegateEvent) => void) | undefined;
  /** Only what is theirs, and what is everybody's. */
  readonly principal: Principal | undefined;
  /** On the clock of `performance.now()`. */
  readonly since: number;
}

/** What a page tells of itself. Costs next to nothing until somebody listens: what becomes of it is in a chunk of its own. */
export interface PageWatch {
  observe?: ((...seen: Seen) => unknown) | undefined;
  /** That chunk has loaded, and observes. */
  isTelling?: boolean;
  readonly listening: Set<Listening>;
  readonly sends: Set<WatchedSend>;
  /** What was seen before that chunk had loaded, and when. */
  early: [at: number, seen: Seen][];
}

/** Where that chunk never comes, what waits for it must not grow for ever. */
const MOST_EARLY = 10_000;

export function pageWatch(): PageWatch {
  return onePerPage("watch", () => ({ listening: new Set(), sends: new Set(), early: [] }));
}

/** A send begins: what its listener is told is seen here first. */
export function watchSend(send: WatchedSend, listener: (update: SendUpdate) => void): typeof listener {
  const watch = pageWatch();
  const see = (update: SendUpdate) => {
    send.last = update;
    watch.sends[update.state === "queued" || update.state === "sending" ? "add" : "delete"](send);
    watch.observe?.("send", send, update);
  };
  see({ state: "queued", attempt: 0 });
  return (update) => {
    see(update);
    listener(update);
  };
}

/** Nothing more may come of what that line has queued; where something does, it is seen again. */
export function unwatchQueued(line: object): void {
  const { sends } = pageWatch();
  for (const send of sends) if (send.line === line && send.last?.state === "queued") sends.delete(send);
}

/** Begins to listen. It is the implementation of `Listen`, for one principal or for the page. */
export function listen(
  type: keyof TidegateEvents | "*",
  listener?: (event: never) => void,
  principal?: Principal,
): () => void {
  const watch = pageWatch();
  const since = performance.now();
  const listening = { type, listener: listener as Listening["listener"], principal, since };
  watch.listening.add(listening);
  watch.observe ??= (...seen) => watch.early.length < MOST_EARLY && watch.early.push([performance.now(), seen]);
  const stop = () => {
    if (watch.listening.delete(listening) && !watch.listening.size) {
      watch.observe = undefined;
      watch.isTelling = false;
      watch.early = [];
    }
  };
  loadInsight().then(
    ({ observe }) => observe(watch),
    (cause) => {
      stop();
      console.warn(`Tidegate: events cannot be told: ${cause}`);
    },
  );
  return stop;
}

const TYPES = "connect, retry, end, first-part, gap, token, send, engine, *";

/** The same, for what an application gave. */
export function listenChecked(...given: Parameters<typeof listen>): () => void {
  if (typeof given[1] !== "function") throw invalidOptions("on() takes the type of an event, and a function to call.");
  if (!TYPES.split(", ").includes(given[0]))
    throw invalidOptions(`on() knows no event "${given[0]}". Pass one of: ${TYPES}`);
  return listen(...given);
}

export function loadInsight(): Promise<typeof import("./insight.js")> {
  return import("./insight.js");
}
