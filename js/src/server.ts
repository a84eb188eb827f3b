/**
 * The backend's half: tokens for pages, and what takes the secret key. Web standards only: Node, Bun, Deno, edge.
 *
 * @module tidegate/server
 */
import { type Backend, backendOf } from "./server/backend.js";
import { configuration, configure } from "./server/configuration.js";

const backend = backendOf(configuration);

/** Makes public access tokens; `configure` is here as well, as in `@trigger.dev/sdk`. */
export const auth: { configure: typeof configure } & Backend["auth"] = { configure, ...backend.auth };
/** Starts a run of a task, as {@link Backend.trigger}. */
export const trigger: Backend["trigger"] = backend.trigger;
/** The same, under the name it has in `@trigger.dev/sdk`. */
export const tasks: Backend["tasks"] = backend.tasks;
/** How runs stand, and their end. */
export const runs: Backend["runs"] = backend.runs;
/** Wait tokens, which a task can wait for. */
export const wait: Backend["wait"] = backend.wait;
/** Input streams of runs. */
export const streams: Backend["streams"] = backend.streams;
/** A route that hands out tokens, as {@link Backend.tokenHandler}. */
export const tokenHandler: Backend["tokenHandler"] = backend.tokenHandler;
export type { CallOptions, RelatedRun, RetrievedRun, RunHandle, TriggerOptions } from "./client/calls.js";
export { type ErrorCode, type SendOutcome, TidegateError } from "./client/errors.js";
export type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./client/runs/task-types.js";
export { type Backend, createBackend, type InputStream, type Named, type TriggeredRun } from "./server/backend.js";
export type { BackendOptions } from "./server/configuration.js";
export type { ExpirationTime } from "./server/expiry.js";
export type { PublicTokenOptions, RealtimeClaim, TriggerTokenOptions } from "./server/mint.js";
export type { PublicTokenScopes, ScopeIds, ScopeTargets } from "./server/scopes.js";
export type { Granted, TokenHandlerOptions } from "./server/token-handler.js";
export type { WaitToken, WaitTokenOptions } from "./server/wait-tokens.js";
export type { ProblemCode } from "./wasm/interface.js";
export { configure };
