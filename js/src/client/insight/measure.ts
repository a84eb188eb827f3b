import { origin } from "./clock.js";
import type { TidegateEvent } from "./events.js";

const SPANS: { [type in TidegateEvent["type"]]?: string } = {
  engine: "load",
  send: "send",
  "first-part": "first-part",
};

/** Writes an event into the performance timeline of the page: how long it took, or that it happened. */
export function measure(event: TidegateEvent): void {
  const end = event.atMs - origin();
  const span = SPANS[event.type];
  const detail = event;
  if (!span) performance.mark?.(`tidegate:${event.type}`, { startTime: end, detail });
  else if ("afterMs" in event && event.afterMs !== undefined) {
    performance.measure?.(`tidegate:${span}`, { start: Math.max(0, end - event.afterMs), end, detail });
  }
}
