import { useEffect } from "react";
import { type Client, createClient } from "../client/create-client.js";
import { onePerPage } from "../client/page.js";
import { type AccessToken, expiryOf } from "../client/token-source.js";
import { principalKey, type Target } from "../store/target.js";
import type { TriggerAuth } from "./provider.js";
import { useTarget } from "./use-target.js";

/** Options of {@link useApiClient}; what is left out comes from the provider. */
export interface UseApiClientOptions extends TriggerAuth {
  /** Accepted so that existing code compiles: without a token there is no client, and nothing is thrown. */
  enabled?: boolean | undefined;
}

/**
 * The client for the server and the token that the hooks here use, or undefined as long as there is no token. It is the same one
 * for all components with the same server and token identity, over renders and renewed tokens, so it is not for a component to close.
 * Its methods are those of `createClient()`.
 */
export function useApiClient(options: UseApiClientOptions = {}): Client | undefined {
  const { target } = useTarget(options);
  const held = target && clientOf(target);
  const accessToken = target?.accessToken;
  useEffect(() => {
    if (!held || typeof accessToken !== "string" || typeof held.accessToken !== "string") return;
    // One that a component comes with may be older than what others brought.
    if (accessToken === held.accessToken || expiryOf(accessToken) < expiryOf(held.accessToken)) return;
    held.accessToken = accessToken;
    held.client.setAccessToken(accessToken);
  }, [held, accessToken]);
  return held?.client;
}

interface Held {
  readonly client: Client;
  accessToken: AccessToken;
}

function clientOf(target: Target): Held {
  const { baseURL, branch: previewBranch, accessToken } = target;
  const create = () => ({ client: createClient({ baseURL, previewBranch, accessToken }), accessToken });
  // What is made on a server must not outlive the request.
  return typeof window === "undefined" ? create() : onePerPage(`client ${principalKey(target)}`, create);
}
