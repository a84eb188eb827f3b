import { createContext, type ReactNode, useContext, useMemo } from "react";
import type { ConnectionOptions, OutboxOptions, SharingOptions } from "../client/options.js";
import { useTokenIdentity } from "./use-token-identity.js";

/** What {@link TriggerAuthContext} carries. A hook's own options win over it, field by field. */
export interface TriggerAuth extends ConnectionOptions, OutboxOptions, SharingOptions {
  /**
   * Brings another token once `accessToken`, given as text, ages or is refused; the newest closure is called. A function as
   * `accessToken` is the shorter way to the same.
   */
  refreshAccessToken?: (() => Promise<string>) | undefined;
  /** Accepted so that existing code compiles; retries and their timing are Tidegate's own. */
  requestOptions?: unknown;
}

/** Default connection options for the hooks below it. {@link TidegateProvider} is the shorter way to fill it. */
export const TriggerAuthContext = createContext<TriggerAuth | undefined>(undefined);

/** What the nearest context carries, or an empty object: nothing is thrown. */
export function useTriggerAuthContext(): TriggerAuth {
  return useContext(TriggerAuthContext) ?? {};
}

/** The same as {@link useTriggerAuthContext}. */
export const useTriggerAuthContextOptional = useTriggerAuthContext;

/** Props of {@link TidegateProvider}. */
export interface TidegateProviderProps extends TriggerAuth {
  children?: ReactNode;
}

/**
 * Gives the hooks below it a token, a base URL, a preview branch, an outbox and shared tabs, each optional and inherited from an outer
 * provider. `accessToken` may be an inline function: a new one on each render renews nothing and reconnects nothing, and the newest is
 * called.
 *
 * ```tsx
 * import { TidegateProvider } from "tidegate/react";
 *
 * async function fetchToken() {
 *   const response = await fetch("/api/token"); // a route of yours, such as `tokenHandler` of tidegate/server makes
 *   if (!response.ok) throw new Error(`/api/token answered ${response.status}`);
 *   return response.text();
 * }
 *
 * const Page = ({ children }: { children: React.ReactNode }) => (
 *   <TidegateProvider accessToken={fetchToken}>{children}</TidegateProvider>
 * );
 * ```
 */
export function TidegateProvider({ children, ...own }: TidegateProviderProps): ReactNode {
  const outer = useContext(TriggerAuthContext);
  const accessToken = useTokenIdentity(own.accessToken ?? outer?.accessToken);
  const refresh = useTokenIdentity(own.refreshAccessToken ?? outer?.refreshAccessToken);
  const refreshAccessToken = refresh as TriggerAuth["refreshAccessToken"];
  const baseURL = own.baseURL ?? outer?.baseURL;
  const previewBranch = own.previewBranch ?? outer?.previewBranch;
  const requestOptions = own.requestOptions ?? outer?.requestOptions;
  const outbox = own.outbox ?? outer?.outbox;
  const outboxExpiresInMs = own.outboxExpiresInMs ?? outer?.outboxExpiresInMs;
  const shareTabs = own.shareTabs ?? outer?.shareTabs;
  const value = useMemo(
    () => ({
      accessToken,
      refreshAccessToken,
      baseURL,
      previewBranch,
      requestOptions,
      outbox,
      outboxExpiresInMs,
      shareTabs,
    }),
    [accessToken, refreshAccessToken, baseURL, previewBranch, requestOptions, outbox, outboxExpiresInMs, shareTabs],
  );
  return <TriggerAuthContext.Provider value={value}>{children}</TriggerAuthContext.Provider>;
}
