import type { Principal } from "../client/entries.js";
import { invalidOptions } from "../client/errors.js";
import { toEndpoint } from "../client/options.js";
import { onePerPage } from "../client/page.js";
import { readJwt } from "./jwt.js";

/** Which environment a backend speaks for. */
export interface BackendOptions {
  /** The secret key of the environment, such as `tr_prod_…`. */
  secretKey?: string | undefined;
  /** Another name for `secretKey`, as in the official SDK. */
  accessToken?: string | undefined;
  /** Address of the API. Default: `https://api.trigger.dev`. */
  baseURL?: string | undefined;
  /** Name of a preview branch, sent as `x-trigger-branch`. */
  previewBranch?: string | undefined;
  /**
   * The environment's internal id, which is the `sub` of its tokens. With it a token is signed without asking the server anything;
   * without it the server is asked for the id, and again after ten minutes.
   */
  environmentId?: string | undefined;
}

/** A backend's side of the border: whom it talks to, and as whom. */
export interface Identity extends Principal {
  readonly token: string;
  readonly environmentId: string | undefined;
  /** Whether tokens signed with this key are good: those of root keys are, those of additional keys and of run tokens are not. */
  readonly canSign: boolean;
}

/** Checks what was given; throws `invalid-options`, and never repeats a key. */
export function toIdentity(options: BackendOptions): Identity {
  const token = toSecretKey(options.secretKey ?? options.accessToken);
  const { environmentId } = options;
  if (environmentId !== undefined && (typeof environmentId !== "string" || !environmentId))
    throw invalidOptions("environmentId must be the internal id of the environment: the sub of its tokens.");
  const endpoint = toEndpoint(options);
  // Here no page says what a path would be relative to.
  if (endpoint.baseURL.startsWith("/"))
    throw invalidOptions('A backend needs a whole address as baseURL, such as "https://api.trigger.dev".');
  // Otherwise fetch refuses it, in words that nobody would take for a branch's.
  if (endpoint.branch && !/^[\x21-\x7e]+$/.test(endpoint.branch))
    throw invalidOptions(
      `previewBranch "${endpoint.branch}" holds a character that no header can carry. Rename the branch.`,
    );
  const canSign = !/^tr_[a-z]+_sk_/.test(token) && !readJwt(token);
  return { endpoint, token, environmentId, canSign, ids: new Map(), holds: 0, beforeToken: new Set() };
}

function toSecretKey(given: unknown): string {
  const remedy = "Pass the secret key of an environment (tr_dev_…, tr_prod_…), from the API keys page of the project.";
  if (given === undefined || given === "")
    throw invalidOptions(
      "There is no secret key. Set TRIGGER_SECRET_KEY, or pass secretKey to configure or createBackend; it is on the API keys page of the project.",
    );
  if (typeof given !== "string") throw invalidOptions(`secretKey must be a string. ${remedy}`);
  const key = given.trim();
  const jwt = readJwt(key);
  if (jwt?.payload.pub === true)
    throw invalidOptions(
      `The secret key is a public access token: that is what a backend hands out, and it can make no other. ${remedy}`,
    );
  if (jwt ? jwt.header.typ !== "run+jwt" : /^(pk_|tr_pat_)/.test(key))
    throw invalidOptions(`This kind of token cannot stand for a backend. ${remedy}`);
  // Where fetch refuses a header, it quotes it.
  if (!/^[\x21-\x7e]+$/.test(key))
    throw invalidOptions(`The secret key holds a space or another character that no key has. ${remedy}`);
  return key;
}

const configured = () => onePerPage("backend", (): { options: BackendOptions } => ({ options: {} }));

/**
 * Sets whom the functions of this entry talk to, for the whole process: for one of several tenants use `createBackend`. What is not
 * given comes from the environment: `TRIGGER_SECRET_KEY` (or `TRIGGER_ACCESS_TOKEN`), `TRIGGER_API_URL` and `TRIGGER_PREVIEW_BRANCH`
 * (or `VERCEL_GIT_COMMIT_REF`, or `TRIGGER_DEV_BRANCH`). Nothing is checked before the first call.
 */
export function configure(options: BackendOptions): void {
  configured().options = options;
}

/** What {@link configure} was given, completed from the environment. */
export function configuration(): BackendOptions {
  const { options } = configured();
  const devBranch = variable("TRIGGER_DEV_BRANCH");
  return {
    ...options,
    secretKey:
      options.secretKey ?? options.accessToken ?? variable("TRIGGER_SECRET_KEY") ?? variable("TRIGGER_ACCESS_TOKEN"),
    baseURL: options.baseURL ?? variable("TRIGGER_API_URL"),
    previewBranch:
      options.previewBranch ??
      variable("TRIGGER_PREVIEW_BRANCH") ??
      variable("VERCEL_GIT_COMMIT_REF") ??
      (devBranch === "default" ? undefined : devBranch),
  };
}

function variable(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    return process?.env?.[name] || undefined;
  } catch {
    return undefined; // Deno without the permission to look
  }
}
