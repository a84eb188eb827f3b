import { useEffect, useState } from "react";
import type { DebugDump } from "../client/insight/dump.js";
import type { TidegateEvent } from "../client/insight/events.js";
import { debug, on } from "./page.js";

/** An event with a number, by which React knows it again. */
export interface NumberedEvent {
  readonly number: number;
  readonly event: TidegateEvent;
}

/** The newest events, newest first, from the first render on; and how the page stands, looked at anew while `isWatched`. */
export function usePageState(
  most: number,
  isWatched: boolean,
): { dump: DebugDump | undefined; events: NumberedEvent[] } {
  const [events, setEvents] = useState<NumberedEvent[]>([]);
  const [dump, setDump] = useState<DebugDump>();
  useEffect(
    () =>
      on("*", (event) => {
        setEvents((before) => [{ number: (before[0]?.number ?? 0) + 1, event }, ...before].slice(0, most));
      }),
    [most],
  );
  const newest = events[0]?.number;
  // biome-ignore lint/correctness/useExhaustiveDependencies: an event is a reason to look again
  useEffect(() => {
    let isOver = false;
    const look = () =>
      debug().then(
        (found) => {
          if (!isOver) setDump(found);
        },
        () => {}, // the code could not be loaded, which has been told by on()
      );
    look();
    // Cursors move without an event.
    const timer = isWatched ? setInterval(look, 1000) : undefined;
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [isWatched, newest]);
  return { dump, events };
}
