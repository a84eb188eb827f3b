import { onePerPage } from "./page.js";

/** A public access token, or a function that returns one (or a promise of one). */
export type AccessToken = string | (() => string | Promise<string>);

type TokenFunction = Exclude<AccessToken, string>;

interface FunctionSource {
  readonly identity: string;
  /** The newest closure that stands for this source: components make a new one on every render. */
  latest: TokenFunction;
}

/** Of as many tokens something is remembered: a server sees those of all its users. */
const MOST_KNOWN = 500;

interface Renewed {
  given?: string;
  /** The one that was given, until it has been used. */
  unused?: string | undefined;
  refresh: TokenFunction;
  ask: TokenFunction;
}

const memory = () =>
  onePerPage("token-sources", () => ({
    functions: new WeakMap<TokenFunction, FunctionSource>(),
    opaque: new Map<string, number>(),
    renewed: new Map<string, Renewed>(),
    count: 0,
  }));

/**
 * Who a token stands for, as a key that never holds its text: a function is itself, a JWT is its subject and scopes (so
 * that a renewed one keeps what is open, and one with other scopes does not share it), any other string is a number. So is
 * a JWT that triggers once: where another stands in for it, both are used up.
 */
export function identityOf(token: AccessToken): string {
  if (typeof token === "function") return sourceOf(token).identity;
  const { sub, scopes, otu } = claimsOf(token);
  if (typeof sub === "string" && !otu) return `jwt:${JSON.stringify([sub, [scopes].flat().sort()])}`;
  const known = memory();
  return `opaque:${remember(known.opaque, token, known.opaque.get(token) ?? ++known.count)}`;
}

/** A token and what brings the next one, as one function: the same for all that were given a token of the same identity. */
export function renewing(token: string, refresh: TokenFunction): TokenFunction {
  const { renewed } = memory();
  const identity = identityOf(token);
  const entry: Renewed = renewed.get(identity) ?? {
    refresh,
    ask: () => {
      const { unused } = entry;
      entry.unused = undefined;
      return unused ?? sourceOf(entry.refresh).latest();
    },
  };
  remember(renewed, identity, entry);
  entry.refresh = refresh;
  if (entry.given !== token) entry.given = entry.unused = token;
  return entry.ask;
}

/** Keeps what was used last. */
function remember<T>(map: Map<string, T>, key: string, value: T): T {
  map.delete(key);
  map.set(key, value);
  if (map.size > MOST_KNOWN) map.delete(map.keys().next().value as string);
  return value;
}

/** The record of a token function, the same one for the same function. */
export function sourceOf(token: TokenFunction): FunctionSource {
  const known = memory();
  let source = known.functions.get(token);
  if (!source) {
    known.count += 1;
    source = { identity: `function:${known.count}`, latest: token };
    known.functions.set(token, source);
  }
  return source;
}

/** When a token expires, in seconds since 1970; 0 where it does not say. Unverified: only the server can verify. */
export function expiryOf(token: string): number {
  const { exp } = claimsOf(token);
  return typeof exp === "number" ? exp : 0;
}

function claimsOf(token: string): Record<string, unknown> {
  const [, payload, signature] = token.split(".");
  if (!payload || signature === undefined) return {};
  try {
    return Object(JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))));
  } catch {
    return {};
  }
}
