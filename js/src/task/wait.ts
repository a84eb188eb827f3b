import type { CallOptions } from "../client/calls.js";
import { invalidOptions } from "../client/errors.js";
import { checkName } from "../client/options.js";
import { backendOf } from "../server/backend.js";
import { configuration } from "../server/configuration.js";
import type { WaitToken, WaitTokenOptions } from "../server/wait-tokens.js";
import { type Result, ResultPromise, WaitpointTimeoutError } from "./results.js";
import { currentRun } from "./run-context.js";

const backend = () => backendOf(() => currentRun()?.backend ?? configuration());

const COUNT = Symbol("tokens");

/** Wait tokens, inside of tasks. */
export const wait = {
  /**
   * Makes a wait token, to be handed to whoever shall complete it. Inside a run, the nth that is made without an `idempotencyKey` is the
   * same one each time that the run is executed, so that an answer to it is not lost. Rejects with a {@link TidegateError}.
   */
  async createToken(options: WaitTokenOptions = {}): Promise<WaitToken> {
    const run = currentRun();
    const count = run?.keep(COUNT, () => ({ tokens: 0 }));
    if (run && count && !options.idempotencyKey) {
      count.tokens += 1;
      return backend().wait.createToken({ ...options, idempotencyKey: `${run.runId} ${count.tokens}` });
    }
    return backend().wait.createToken(options);
  },

  /** Completes one with plain JSON. Where it has been completed before, or has timed out, the first result stays. */
  completeToken(token: string | { readonly id: string }, data?: unknown, options?: CallOptions) {
    return backend().wait.completeToken(token, data, options);
  },

  /** Waits for one, without taking up room. Rejects with a {@link TidegateError} when there is none, and when the run is cancelled. */
  forToken<T = unknown>(token: string | { readonly id: string }): ResultPromise<T, WaitpointTimeoutError> {
    return ResultPromise.of(waitFor<T>(typeof token === "string" ? token : Object(token).id));
  },
};

async function waitFor<T>(id: unknown): Promise<Result<T, WaitpointTimeoutError>> {
  checkName("wait token's id", id, "Pass the token, or its id, such as waitpoint_1234.");
  const run = currentRun();
  if (!run) throw invalidOptions("wait.forToken() can only be called inside the run of a task.");
  const end = await run.waitForToken(id);
  return end.ok ? { ok: true, output: end.output as T } : { ok: false, error: new WaitpointTimeoutError(end.message) };
}
