import type { Principal } from "../entries.js";
import { guard } from "../guard.js";
import type { Listening, PageWatch, Seen } from "../watch.js";
import type { TidegateEvent } from "./events.js";
import { measure } from "./measure.js";
import { translate } from "./translate.js";

/** Tells what was seen so far, and from now on what is seen as it is. */
export function observe(watch: PageWatch): void {
  const { early, listening } = watch;
  if (!listening.size) return;
  watch.early = [];
  const due: [TidegateEvent, Principal | undefined, at: number][] = [];
  const flush = () => {
    for (const [event, whose, at] of due.splice(0)) {
      for (const one of [...listening]) {
        // One that was taken back by the listener before it hears no more.
        if (at >= one.since && listening.has(one) && wants(one, event, whose)) {
          guard(() => (one.listener ?? measure)(event));
        }
      }
    }
  };
  const take = (at: number, seen: Seen) => {
    const event = translate(at, seen);
    if (!event) return;
    const [what, about] = seen;
    const whose = what === "engine" ? undefined : what === "token" ? about : about?.principal;
    // Later, and in order: a listener may call anything, and what is under way here is not done yet.
    if (due.push([event, whose, at]) === 1) queueMicrotask(flush);
  };
  for (const [at, seen] of early) take(at, seen);
  // A second listener need not replace what is there, whose events may not have been told yet.
  if (!watch.isTelling) watch.observe = (...seen) => take(performance.now(), seen);
  watch.isTelling = true;
}

function wants({ type, principal }: Listening, event: TidegateEvent, whose: Principal | undefined): boolean {
  return (type === "*" || type === event.type) && (!principal || !whose || principal === whose);
}
