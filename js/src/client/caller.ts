import type { CallAnswer, CallEntry, Caller, CallRequest } from "./entries.js";
import { cancelled } from "./errors.js";
import type { EventPump } from "./event-pump.js";

/** Makes the calls of a page. It stands beside the pump, and not in it: most pages never load it. */
export function callerOf(pump: EventPump): Caller {
  return { call: (request) => new Promise((resolve, reject) => ask(pump, request, resolve, reject)) };
}

function ask(
  pump: EventPump,
  request: CallRequest,
  resolve: (answer: CallAnswer) => void,
  reject: (error: unknown) => void,
): void {
  const { signal, what } = request;
  if (signal?.aborted) {
    reject(cancelled("call"));
    return;
  }
  const abort = () => {
    const { id = 0, seat } = entry;
    let unsent = 0;
    seat?.call((engine) => {
      unsent = engine.cancelCall(id);
    });
    const error =
      !unsent &&
      entry.outcome === "unknown" &&
      pump.toError({ code: "aborted", retryable: true, subject: "call" }, "unknown");
    entry.settle(error || cancelled("call"));
  };
  const entry: CallEntry = {
    ...request,
    get outcome() {
      return entry.left && what !== 2 && what !== 4 ? "unknown" : "rejected";
    },
    settle: (error, answer) => {
      if (!pump.leave(entry)) return;
      signal?.removeEventListener("abort", abort);
      if (answer) resolve(answer);
      else reject(error);
    },
  };
  signal?.addEventListener("abort", abort);
  pump.ask(entry);
}
