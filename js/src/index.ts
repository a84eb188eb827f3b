/**
 * Sends into running tasks and reads what comes back, without a framework.
 *
 * @module tidegate
 */
export type { CallOptions, RelatedRun, RetrievedRun, RunHandle, TriggerOptions } from "./client/calls.js";
export {
  type Client,
  type ClientSendOptions,
  createClient,
  type FeedOptions,
  type Receipt,
  type RunOptions,
  type RunsOptions,
  type SendOptions,
  type StreamOptions,
} from "./client/create-client.js";
export type { UnreadableRecord } from "./client/entries.js";
export { type ErrorCode, type SendOutcome, TidegateError } from "./client/errors.js";
export type { DebugDump, DumpedCall, DumpedPrincipal, DumpedReader, DumpedSend } from "./client/insight/dump.js";
export type {
  ConnectEvent,
  EndEvent,
  EngineEvent,
  FirstPartEvent,
  GapEvent,
  Happening,
  Listen,
  ReaderName,
  Reason,
  RetryEvent,
  SendEvent,
  TidegateEvent,
  TidegateEvents,
  TokenEvent,
  WithPrincipal,
} from "./client/insight/events.js";
export type { ConnectionOptions, OutboxOptions } from "./client/options.js";
export type { PartStream } from "./client/part-stream.js";
export type { Json, RealtimeRun, RunError, RunErrorCause, RunFields, RunStatus } from "./client/runs/run.js";
export type { RunFeed } from "./client/runs/run-feed.js";
export type { SkipColumn } from "./client/runs/target.js";
export type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./client/runs/task-types.js";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./client/schema.js";
export type { StreamStart } from "./client/stream-start.js";
export type { AccessToken } from "./client/token-source.js";
export type { EndReason, EngineKind, ProblemCode, SendState, StreamStatus, WaitingFor } from "./wasm/interface.js";
export { avoidWebAssembly } from "./wasm/load.js";
