import { useState } from "react";
import type { CallOptions } from "../client/calls.js";
import { invalidOptions, type TidegateError } from "../client/errors.js";
import { callAs } from "../store/call-store.js";
import type { TriggerAuth } from "./provider.js";
import { useCalls } from "./use-calls.js";
import { useLatest } from "./use-latest.js";
import { useTarget } from "./use-target.js";

/** Options of {@link useWaitToken}; what is left out comes from the provider. */
export interface UseWaitTokenOptions extends TriggerAuth {
  /** False makes the hook not ready. Default: true. */
  enabled?: boolean | undefined;
}

/** What {@link useWaitToken} returns. Its functions stay the same for the life of the component. */
export interface WaitTokenInstance<TOutput> {
  /** Completes the token; how it goes is in `isLoading`, `isCompleted` and `error`. */
  readonly complete: (output: TOutput) => void;
  /** Completes the token, as `complete` does. Rejects with a {@link TidegateError}, whose `outcome` says whether it can have counted. */
  readonly completeAsync: (output: TOutput, options?: CallOptions) => Promise<void>;
  /** Whether it is being completed. */
  readonly isLoading: boolean;
  /** Whether this component has completed it. The server says so too when it had been completed before: then that value counts. */
  readonly isCompleted: boolean;
  /** What went wrong the last time. */
  readonly error?: TidegateError | undefined;
  /** Whether it can be completed: there is an id, a token, and nothing wrong with the options. */
  readonly isReady: boolean;
}

/**
 * Completes a wait token, for which a task waits. The value travels as JSON. The access token is the one that came with the wait token.
 *
 * ```tsx
 * import { useWaitToken } from "tidegate/react";
 *
 * function Open({ gate }: { gate: { id: string; publicAccessToken: string } }) {
 *   const { complete, isReady, isCompleted, error } = useWaitToken(gate.id, { accessToken: gate.publicAccessToken });
 *   return (
 *     <button disabled={!isReady || isCompleted} onClick={() => complete({ open: true })}>{error?.message ?? "Open"}</button>
 *   );
 * }
 * ```
 *
 * @param waitpointId Id of the token, such as `waitpoint_1234`; while it is undefined the hook is not ready.
 */
export function useWaitToken<TOutput>(
  waitpointId?: string,
  options: UseWaitTokenOptions = {},
): WaitTokenInstance<TOutput> {
  const { enabled = true } = options;
  const { target, error: targetError, wrong } = useTarget(options);
  const [{ data, error, isLoading }, calls] = useCalls<boolean>(waitpointId ?? "");
  const latest = useLatest({ waitpointId, enabled, target, targetError, calls });
  const [actions] = useState(() => {
    const completeAsync: WaitTokenInstance<TOutput>["completeAsync"] = async (output, options) => {
      const { waitpointId, enabled, target, targetError, calls } = latest.current;
      await calls.run(async () => {
        if (!waitpointId) {
          throw invalidOptions("There is no wait token yet. Keep the control disabled until isReady is true.");
        }
        if (!enabled) throw invalidOptions("It is switched off (enabled: false), so nothing was sent.");
        if (!target) throw targetError;
        const answer = await callAs(target, (calls, ...as) =>
          calls.completeWaitToken(...as, waitpointId, output, options),
        );
        return answer.success;
      });
    };
    const complete: WaitTokenInstance<TOutput>["complete"] = (output) => {
      completeAsync(output).catch(() => {});
    };
    return { complete, completeAsync };
  });
  const isReady = enabled && !!waitpointId && !!target;
  return { ...actions, isLoading, isCompleted: !!data, error: error ?? wrong, isReady };
}
