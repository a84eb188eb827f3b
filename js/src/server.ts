/**
 * The backend's half: tokens for pages, and what takes the secret key. Web standards only: Node, Bun, Deno, edge.
 *
 * @packageDocumentation
 */
import { backendOf } from "./server/backend.js";
import { configuration, configure } from "./server/configuration.js";

const backend = backendOf(configuration);

/** Makes public access tokens. */
export const auth = { configure, ...backend.auth };
export const { trigger, tasks, runs, wait, streams, tokenHandler } = backend;
export type { CallOptions, RelatedRun, RetrievedRun, RunHandle, TriggerOptions } from "./client/calls.js";
export { type ErrorCode, type SendOutcome, TidegateError } from "./client/errors.js";
export type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./client/runs/task-types.js";
export { type Backend, createBackend, type InputStream, type TriggeredRun } from "./server/backend.js";
export type { BackendOptions } from "./server/configuration.js";
export type { ExpirationTime } from "./server/expiry.js";
export type { PublicTokenOptions, RealtimeClaim, TriggerTokenOptions } from "./server/mint.js";
export type { PublicTokenScopes, ScopeIds, ScopeTargets } from "./server/scopes.js";
export type { Granted, TokenHandlerOptions } from "./server/token-handler.js";
export type { WaitToken, WaitTokenOptions } from "./server/wait-tokens.js";
export { configure };
