import type { Principal } from "../client/entries.js";
import { type EventPump, pagePump } from "../client/event-pump.js";
import type { Endpoint } from "../client/options.js";
import { type AccessToken, expiryOf, identityOf } from "../client/token-source.js";
import { pageRegistry } from "./registry.js";

/** Whom a store talks to, and as whom. */
export interface Target extends Endpoint {
  readonly accessToken: AccessToken;
}

/** Names endpoint and identity; never holds the token's text. */
export function principalKey({ baseURL, branch, accessToken }: Target): string {
  return JSON.stringify(["principal", baseURL, branch, identityOf(accessToken)]);
}

/** A principal that several stores use, with the newest token any of their components was given. */
export class SharedPrincipal {
  readonly pump: EventPump = pagePump();
  readonly principal: Principal;
  #accessToken: AccessToken;

  constructor({ accessToken, baseURL, branch }: Target) {
    this.#accessToken = accessToken;
    this.principal = this.pump.openPrincipal({ baseURL, branch }, accessToken);
  }

  /** A component was given another token for the same identity. */
  setToken(accessToken: AccessToken): void {
    if (accessToken === this.#accessToken) return;
    this.#accessToken = accessToken;
    this.pump.setToken(this.principal, accessToken);
  }

  /** A component joins with a token that may be an older one than ours. */
  offer(accessToken: AccessToken): void {
    const ours = this.#accessToken;
    if (typeof ours !== "string" || typeof accessToken !== "string") return;
    if (expiryOf(accessToken) > expiryOf(ours)) this.setToken(accessToken);
  }

  dispose(): void {
    this.pump.release(this.principal);
  }
}

/** Uses the page's principal for a target; each call is matched by one {@link releasePrincipal}. */
export function acquirePrincipal(target: Target): SharedPrincipal {
  return pageRegistry().acquire(principalKey(target), () => new SharedPrincipal(target));
}

export function releasePrincipal(target: Target): void {
  pageRegistry().release(principalKey(target));
}
