import { TidegateError } from "../client/errors.js";
import { checkName, checkStrings } from "../client/options.js";
import type { SkipColumn } from "../client/runs/target.js";
import { ask } from "./ask.js";
import type { Identity } from "./configuration.js";
import { type ExpirationTime, toExpiry } from "./expiry.js";
import { type Claims, signJwt } from "./jwt.js";
import { type PublicTokenScopes, toScopes } from "./scopes.js";

/** What feeds of runs leave out for whoever has the token, whatever they ask for. */
export interface RealtimeClaim {
  skipColumns?: SkipColumn[] | undefined;
}

/** A public access token to be made. */
export interface PublicTokenOptions {
  /** What it allows: objects such as `{ read: { runs: id } }`, or texts such as `read:runs:run_1234`. At least one. */
  scopes: PublicTokenScopes | readonly string[];
  /** Default: `15m`. */
  expirationTime?: ExpirationTime | undefined;
  /** Good for one trigger or batch. Reading is not counted. Default: false. */
  oneTimeUse?: boolean | undefined;
  realtime?: RealtimeClaim | undefined;
}

/** A token that triggers. */
export interface TriggerTokenOptions {
  /** Default: `15m`. */
  expirationTime?: ExpirationTime | undefined;
  /** For as many triggers as there are until it expires. Default: false, one. */
  multipleUse?: boolean | undefined;
  realtime?: RealtimeClaim | undefined;
}

/** Makes a token. Rejects with a {@link TidegateError}. */
export async function mint(identity: Identity, options: PublicTokenOptions): Promise<string> {
  const { scopes: given, expirationTime = "15m", oneTimeUse, realtime } = Object(options) as PublicTokenOptions;
  const scopes = toScopes(given);
  if (realtime?.skipColumns !== undefined) checkStrings("realtime.skipColumns", realtime.skipColumns);
  const now = Math.floor(Date.now() / 1_000);
  const expiry = toExpiry(expirationTime, now);
  if (identity.canSign) {
    const claims = {
      ...(await claimsOf(identity)),
      scopes,
      ...(oneTimeUse && { otu: true }),
      ...(realtime && { realtime }),
    };
    return signJwt(claims, now, expiry, identity.token);
  }
  const body = JSON.stringify({ scopes, expirationTime: expiry, oneTimeUse, realtime });
  const path = "/api/v1/auth/public-tokens";
  const { text } = await ask(identity, { path, body, subject: "way to make a token", effect: "none" });
  return read(text, "token").token;
}

/** Makes a token that triggers these tasks, one by one (`trigger`) or in a batch (`batchTrigger`). */
export async function mintTrigger(
  identity: Identity,
  action: "trigger" | "batchTrigger",
  task: string | readonly string[],
  { multipleUse, ...options }: TriggerTokenOptions = {},
): Promise<string> {
  for (const id of [task].flat()) checkName("task id", id, "Pass the id that the task is defined with, or several.");
  return mint(identity, { ...options, scopes: { [action]: { tasks: task } }, oneTimeUse: !multipleUse });
}

const CLAIMS_KEPT_MS = 600_000;
const MOST_KEPT = 1_000;
const kept = new Map<string, { claims: Claims; since: number }>();

/**
 * What tokens of the environment begin with. Kept for ten minutes: a key that has been replaced is then noticed here, and not by
 * everybody who gets a token. Answers are kept and not promises, since in Workers a request cannot wait for what another has asked.
 */
async function claimsOf(identity: Identity): Promise<Claims> {
  const { environmentId, endpoint, token } = identity;
  if (environmentId) return { sub: environmentId, pub: true };
  const key = JSON.stringify([endpoint.baseURL, endpoint.branch, token]);
  const known = kept.get(key);
  if (known && Date.now() - known.since < CLAIMS_KEPT_MS) return known.claims;
  const path = "/api/v1/auth/jwt/claims";
  const { text } = await ask(identity, { path, body: "{}", subject: "way to make a token", effect: "none" });
  const claims = read(text, "sub");
  kept.delete(key);
  const [oldest] = kept.keys();
  if (kept.size === MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(key, { claims, since: Date.now() });
  return claims;
}

/** An answer that holds a text under this name. */
function read<TName extends string>(text: string, name: TName): Claims & Record<TName, string> {
  try {
    const answer = JSON.parse(text);
    if (answer[name] && typeof answer[name] === "string") return answer;
  } catch {}
  throw new TidegateError(
    "The server's answer holds no token. Check baseURL (TRIGGER_API_URL): it is the address of a Trigger.dev API.",
    { code: "protocol", retryable: false, outcome: "rejected" },
  );
}
