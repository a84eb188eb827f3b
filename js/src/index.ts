/**
 * Sends into running tasks and reads what comes back, without a framework.
 *
 * @packageDocumentation
 */
export {
  type Client,
  type ClientSendOptions,
  createClient,
  type Receipt,
  type SendOptions,
  type StreamOptions,
} from "./client/create-client.js";
export type { UnreadableRecord } from "./client/entries.js";
export { type ErrorCode, type SendOutcome, TidegateError } from "./client/errors.js";
export type { ConnectionOptions, OutboxOptions } from "./client/options.js";
export type { PartStream } from "./client/part-stream.js";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./client/schema.js";
export type { StreamStart } from "./client/stream-start.js";
export type { AccessToken } from "./client/token-source.js";
export type { EndReason, SendState, StreamStatus, WaitingFor } from "./wasm/interface.js";
