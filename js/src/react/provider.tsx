import { createContext, createElement, type ReactNode, useContext, useMemo } from "react";
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

const FIELDS = [
  "accessToken",
  "refreshAccessToken",
  "baseURL",
  "previewBranch",
  "requestOptions",
  "outbox",
  "outboxExpiresInMs",
  "shareTabs",
] as const satisfies (keyof TriggerAuth)[];

/** One's own options over those of a context, field by field: each of them, and nothing else. */
export function inherit(own: TriggerAuth, outer: TriggerAuth | undefined): TriggerAuth {
  return Object.fromEntries(FIELDS.map((name) => [name, own[name] ?? outer?.[name]]));
}

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
  const given = inherit(own, useContext(TriggerAuthContext));
  given.accessToken = useTokenIdentity(given.accessToken);
  given.refreshAccessToken = useTokenIdentity(given.refreshAccessToken) as TriggerAuth["refreshAccessToken"];
  // biome-ignore lint/correctness/useExhaustiveDependencies: an equal one is the same one. Its fields are always as many.
  const value = useMemo(() => given, Object.values(given));
  return createElement(TriggerAuthContext.Provider, { value }, children);
}
