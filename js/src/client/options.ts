import { invalidOptions } from "./errors.js";
import type { AccessToken } from "./token-source.js";

/** Where requests go when nothing else is said. */
export const DEFAULT_BASE_URL = "https://api.trigger.dev";

/** Whom to talk to. Every field is optional. */
export interface ConnectionOptions {
  /**
   * A public access token, or a function that returns one (or a promise of one). A function is asked when a token is
   * first needed, whenever the last one is about to expire or was refused, and once more for each thing that the last one does not
   * allow, such as another run. It has ten seconds to answer.
   */
  accessToken?: AccessToken | undefined;
  /**
   * Address of the API, without `/api`; a path is kept, for proxies. In a browser it may be only a path, such as `/trigger`.
   * Default: `https://api.trigger.dev`.
   */
  baseURL?: string | undefined;
  /** Name of a preview branch, sent as `x-trigger-branch`. */
  previewBranch?: string | undefined;
}

/** Whether what is queued survives a reload. */
export interface OutboxOptions {
  /**
   * Keeps sends that have not left over a reload, without any token: `session` for this tab, `indexeddb` for all tabs of
   * this origin, of which one sends each item, once. What was on its way when the page was left is `unknown` afterwards and
   * never sent again unasked. The code for it loads when it is first used. Default: none, a reload forgets the queue.
   */
  outbox?: "session" | "indexeddb" | undefined;
  /** After how many milliseconds a send that has not left ends as `rejected` with the code `expired`. Default: 600 000. */
  outboxExpiresInMs?: number | undefined;
}

/** Whether tabs read together. */
export interface SharingOptions {
  /**
   * Lets all tabs of this origin that read the same stream, with tokens of the same subject and scopes, use one connection. The tab
   * that holds it hands on what arrives, and when it closes or crashes another one goes on from where each stands. A tab that
   * cannot take part reads by itself: without Web Locks (a page that is not secure), or with a token that is no JWT. The code
   * for it loads when it is first used. Default: false.
   */
  shareTabs?: boolean | undefined;
}

/** A server and a branch of it. */
export interface Endpoint {
  /** Without a trailing slash. */
  readonly baseURL: string;
  readonly branch: string | undefined;
}

/** Checks and normalises; throws `invalid-options`. */
export function toEndpoint({ baseURL = DEFAULT_BASE_URL, previewBranch }: ConnectionOptions): Endpoint {
  return { baseURL: toBaseURL(baseURL), branch: previewBranch || undefined };
}

function toBaseURL(given: unknown): string {
  const isPath = typeof given === "string" && /^\/(?!\/)/.test(given);
  // On a server there is no page to resolve a path against, and nothing is sent from there while rendering.
  if (isPath && typeof location === "undefined") return given;
  let url: URL | undefined;
  try {
    url = new URL(given as string, isPath ? location.href : undefined);
  } catch {}
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw invalidOptions(
      `baseURL must be the address of an API, such as "${DEFAULT_BASE_URL}": absolute, without query, fragment or credentials.`,
    );
  }
  return url.href.replace(/\/+$/, "");
}

/** Checks what a caller passed as `accessToken`; throws `invalid-options`, and never repeats the value. */
export function checkToken(given: unknown): asserts given is AccessToken | undefined {
  if (given === undefined || typeof given === "string" || typeof given === "function") return;
  const what = given === null ? "null" : typeof given;
  throw invalidOptions(`accessToken must be a string or a function that returns one, not ${what}.`);
}

/** A non-empty string; throws `invalid-options` naming the argument and its remedy. */
export function checkName(name: string, given: unknown, remedy: string): asserts given is string {
  if (given && typeof given === "string") return;
  throw invalidOptions(`The ${name} is ${given === "" ? "empty" : "missing or not a string"}. ${remedy}`);
}

/** An array of strings; throws `invalid-options` naming the option. */
export function checkStrings(name: string, given: unknown): asserts given is readonly string[] {
  if (Array.isArray(given) && given.every((item) => typeof item === "string")) return;
  throw invalidOptions(`${name} must be an array of strings.`);
}
