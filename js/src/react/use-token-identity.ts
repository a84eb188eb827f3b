import { useEffect, useRef, useState } from "react";
import { type AccessToken, sourceOf } from "../client/token-source.js";

/**
 * What stands for a token option over time. A string stands for itself. Of a function, the first one stands for all that
 * follow it, since a component makes a new closure per render; the newest is the one that is called.
 */
export function useTokenIdentity(accessToken: AccessToken | undefined): AccessToken | undefined {
  const [first, setFirst] = useState(() => accessToken);
  const isFunction = typeof accessToken === "function";
  const identity = isFunction && typeof first === "function" ? first : accessToken;
  if (identity !== first) setFirst(() => identity);

  // Only a closure that replaced another one may speak for the first: one that was merely passed on must not win.
  const previous = useRef(accessToken);
  useEffect(() => {
    if (previous.current === accessToken) return;
    previous.current = accessToken;
    if (typeof accessToken === "function" && typeof identity === "function") sourceOf(identity).latest = accessToken;
  }, [accessToken, identity]);

  return identity;
}
