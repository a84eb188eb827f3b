import { onePerPage } from "../page.js";
import type { Seen, WatchedSend } from "../watch.js";
import { origin } from "./clock.js";
import type { EndEvent, EngineEvent, FirstPartEvent, RetryEvent, TidegateEvent } from "./events.js";
import { clean, expiryMsOf, nameOf, nameOfSend, numberOf, reasonOf, slim } from "./names.js";

const memory = () =>
  onePerPage("insight", () => ({
    /** When something began, on the clock of `performance.now()`. */
    began: new WeakMap<object, number>(),
    /** Readers that have brought something. */
    started: new WeakSet<object>(),
    /** What each send was told last: what comes twice is news once. */
    told: new WeakMap<WatchedSend, string>(),
    loading: undefined as number | undefined,
  }));

/** What was seen at a time of `performance.now()`, as an event, where it is one. */
export function translate(at: number, seen: Seen): TidegateEvent | undefined {
  const known = memory();
  const atMs = origin() + at;
  const since = (began: number | undefined) => (began === undefined ? undefined : at - began);
  switch (seen[0]) {
    case "engine": {
      const [type, state, detail] = seen;
      if (state === "loading") known.loading = at;
      const afterMs = state === "running" ? since(known.loading) : undefined;
      // Anything else would be the words of an exception.
      const place = state === "crashed" && /^[\w./-]+\.rs:\d+$/.test(detail) ? detail : undefined;
      const kind = state === "running" ? detail : undefined;
      return slim<EngineEvent>({ type, atMs, state, kind, afterMs, place });
    }
    case "open":
      known.began.set(seen[1], at);
      return undefined;
    case "part": {
      const [, reader] = seen;
      if (!reader || known.started.has(reader)) return undefined;
      known.started.add(reader);
      const afterMs = since(known.began.get(reader));
      return slim<FirstPartEvent>({ type: "first-part", atMs, ...nameOf(reader), afterMs });
    }
    case "reader": {
      const [, reader, { status, attempt, retryInMs, endReason: reason, error }] = seen;
      const name = { atMs, ...nameOf(reader) };
      if (status === "live") return { type: "connect", ...name };
      if (status === "reconnecting") {
        return slim<RetryEvent>({ type: "retry", ...name, attempt, retryInMs, ...reasonOf(error) });
      }
      if (status !== "ended" && status !== "failed") return undefined;
      return slim<EndEvent>({ type: "end", ...name, state: status, reason, ...reasonOf(error) });
    }
    case "gap": {
      const [type, reader, { id, reason }] = seen;
      return reader && { type, atMs, ...nameOf(reader), id: clean(id), reason };
    }
    case "token": {
      const [type, principal, state] = seen;
      const expiresAtMs = state === "received" ? expiryMsOf(principal) : undefined;
      return slim({ type, atMs, principal: numberOf(principal), state, expiresAtMs });
    }
    case "send": {
      const [type, send, { state, waitingFor, attempt, error }] = seen;
      const standing = [state, waitingFor, attempt].join();
      if (known.told.get(send) === standing) return undefined;
      known.told.set(send, standing);
      const isPending = state === "queued" || state === "sending";
      const began = known.began.get(send);
      if (isPending && began === undefined && !attempt) known.began.set(send, at);
      if (!isPending) known.began.delete(send);
      const afterMs = isPending ? undefined : since(began);
      return slim({ type, atMs, ...nameOfSend(send), state, waitingFor, attempt, ...reasonOf(error), afterMs });
    }
  }
}
