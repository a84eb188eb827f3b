import type { CallOptions } from "../client/calls.js";
import { encode } from "../client/encode.js";
import { TidegateError } from "../client/errors.js";
import { ask } from "./ask.js";
import type { Identity } from "./configuration.js";
import { mint } from "./mint.js";
import { checkTimeout } from "./timeout.js";

/** A wait token to be made. */
export interface WaitTokenOptions extends CallOptions {
  /** When it gives up: after a duration such as `10m`, `24h` or `7d`, or at a time. Default: never. */
  timeout?: string | Date | undefined;
  /** With the same key the same token is answered, and none is made. */
  idempotencyKey?: string | undefined;
  /** How long the key holds. */
  idempotencyKeyTTL?: string | undefined;
  /** At most ten. */
  tags?: string | string[] | undefined;
}

/** What a task waits for, and what completes it. */
export interface WaitToken {
  /** Such as `waitpoint_1234`. */
  id: string;
  /** Whether it is that of an earlier call with the same idempotency key. */
  isCached: boolean;
  /** A POST to this address completes it, without any token: for webhooks. */
  url: string;
  /** Completes it, from a page, for a day. */
  publicAccessToken: string;
}

/** Makes a wait token. Rejects with a {@link TidegateError}. */
export async function createWaitToken(
  identity: Identity,
  { signal, ...options }: WaitTokenOptions = {},
): Promise<WaitToken> {
  checkTimeout(options.timeout);
  const { text, headers } = await ask(identity, {
    path: "/api/v1/waitpoints/tokens",
    body: encode(options),
    subject: "way to make a wait token",
    // The key of the request is not looked at here: only the caller's own makes one token of two requests.
    effect: options.idempotencyKey ? "once" : "each",
    signal,
  });
  const { id, isCached, url } = read(text);
  const scopes = [`write:waitpoints:${id}`];
  const token = headers.get("x-trigger-jwt") ?? (await mint(identity, { scopes, expirationTime: "24h" }));
  return { id, isCached: isCached === true, url, publicAccessToken: token };
}

function read(text: string): Omit<WaitToken, "publicAccessToken"> {
  try {
    const answer = JSON.parse(text);
    if (typeof answer.id === "string") return answer;
  } catch {}
  throw new TidegateError("The server's answer holds no wait token. Check baseURL (TRIGGER_API_URL).", {
    code: "protocol",
    retryable: false,
    outcome: "unknown",
  });
}
