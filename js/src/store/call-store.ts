import { messageOf, TidegateError } from "../client/errors.js";
import { callLater, warm } from "../client/later.js";
import { withRuns } from "../wasm/load.js";
import { ExternalStore } from "./external-store.js";
import { acquirePrincipal, releasePrincipal, type Target } from "./target.js";

/** What became of the newest call. */
export interface CallSnapshot<R> {
  /** Whether the newest call is under way. */
  readonly isLoading: boolean;
  /** What the newest call that was answered has brought. */
  readonly data: R | undefined;
  /** What went wrong with the newest call. */
  readonly error: TidegateError | undefined;
}

/** Of something that has not been called. */
export const IDLE_CALL: CallSnapshot<never> = { isLoading: false, data: undefined, error: undefined };

/** The calls that one component makes. All of them reach the server; only the newest is shown. */
export class CallStore<R> extends ExternalStore<CallSnapshot<R>> {
  #newest: object | undefined;

  constructor() {
    super(IDLE_CALL);
  }

  /** Makes a call. Rejects as it does. */
  async run(call: () => Promise<R>): Promise<R> {
    const own = {};
    this.#newest = own;
    const publish = (change: Partial<CallSnapshot<R>>) => {
      if (this.#newest === own) this.publish({ ...this.getSnapshot(), ...change });
    };
    publish({ isLoading: true, error: undefined });
    try {
      const data = await call();
      publish({ isLoading: false, data });
      return data;
    } catch (cause) {
      const error = toError(cause);
      publish({ isLoading: false, error });
      throw error;
    }
  }
}

/** Calls as whom a target says; what is on its way goes on when the component is gone. */
export const callAs = /* @__PURE__ */ withRuns(async function callAs<R>(
  target: Target,
  make: Parameters<typeof callLater<R>>[2],
): Promise<R> {
  warm();
  const shared = acquirePrincipal(target);
  const { pump, principal } = shared;
  // Another component may have opened it with a token that is older.
  shared.offer(target.accessToken);
  try {
    return await callLater(pump, principal, make);
  } finally {
    releasePrincipal(target);
  }
});

/** Whatever was thrown, as the one class of errors: a payload that cannot be JSON, say. */
export function toError(cause: unknown): TidegateError {
  if (cause instanceof TidegateError) return cause;
  return new TidegateError(messageOf(cause), { code: "invalid-data", retryable: false, outcome: "rejected", cause });
}
