import { useContext, useEffect, useMemo, useRef } from "react";
import { invalidOptions, TidegateError } from "../client/errors.js";
import { checkToken, type OutboxOptions, type SharingOptions, toEndpoint } from "../client/options.js";
import { renewing } from "../client/token-source.js";
import { pageRegistry } from "../store/registry.js";
import { principalKey, type SharedPrincipal, type Target } from "../store/target.js";
import { warnInDevelopment } from "../wasm/development.js";
import { inherit, type TriggerAuth, TriggerAuthContext } from "./provider.js";
import { useTokenIdentity } from "./use-token-identity.js";

/** A target, or why there is none. That error is `wrong` too where it does not pass by waiting. */
export type TargetResult = OutboxOptions & SharingOptions & TargetOrError & { wrong: TidegateError | undefined };
type TargetOrError = { target: Target; error?: undefined } | { target?: undefined; error: TidegateError };

/** Options over context, checked; and hands a renewed token on to what is already open. */
export function useTarget(options: TriggerAuth): TargetResult {
  const context = useContext(TriggerAuthContext);
  const auth = inherit(options, context);
  const { baseURL, previewBranch, refreshAccessToken, outbox, outboxExpiresInMs, shareTabs } = auth;
  const given = useTokenIdentity(auth.accessToken);
  const accessToken =
    given && typeof given === "string" && refreshAccessToken ? renewing(given, refreshAccessToken) : given;
  const result = useMemo((): TargetOrError => {
    try {
      checkToken(accessToken);
      const endpoint = toEndpoint({ baseURL, previewBranch });
      if (!accessToken) return { error: missingToken() };
      return { target: { ...endpoint, accessToken } };
    } catch (error) {
      return { error: error instanceof TidegateError ? error : invalidOptions(String(error)) };
    }
  }, [accessToken, baseURL, previewBranch]);

  warnInDevelopment(
    () =>
      !context &&
      !("accessToken" in options) &&
      "A hook has neither a provider above it nor the option accessToken, so it never becomes ready. Put a <TidegateProvider accessToken={…}> around your page.",
  );

  const { target } = result;
  const previous = useRef<Target>(undefined);
  useEffect(() => {
    const before = previous.current;
    if (!target || before === target) return;
    previous.current = target;
    const key = principalKey(target);
    const shared = pageRegistry().peek<SharedPrincipal>(key);
    // A token that replaces another is news; one that a component joins with may be older than what others brought.
    if (before && principalKey(before) === key) shared?.setToken(target.accessToken);
    else shared?.offer(target.accessToken);
  }, [target]);
  const wrong = result.error?.code === "invalid-options" ? result.error : undefined;
  return { ...result, wrong, outbox, outboxExpiresInMs, shareTabs };
}

function missingToken(): TidegateError {
  const message = "There is no access token yet, so nothing was sent. Keep the control disabled until isReady is true.";
  return new TidegateError(message, { code: "token-missing", retryable: false, outcome: "rejected" });
}
