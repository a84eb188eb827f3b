import { useEffect } from "react";
import type { TidegateEvent, TidegateEvents } from "../client/insight/events.js";
import { listen } from "../client/watch.js";
import { useLatest } from "./use-latest.js";

/**
 * Hears of what all hooks and clients of the page do and what becomes of it, for as long as the component is there: the events of one
 * type, or with `"*"` of all. The newest `listener` is called, so it may be an inline function. What it throws is reported to the page as
 * uncaught, and disturbs nothing else.
 */
export function useTidegateEvents<Type extends keyof TidegateEvents>(
  type: Type,
  listener: (event: TidegateEvents[Type]) => void,
): void;
export function useTidegateEvents(type: "*", listener: (event: TidegateEvent) => void): void;
export function useTidegateEvents(type: keyof TidegateEvents | "*", listener: (event: never) => void): void {
  const latest = useLatest(listener);
  useEffect(() => listen(type, (event) => latest.current(event)), [type, latest]);
}
