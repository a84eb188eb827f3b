/**
 * React hooks for sending into running tasks and reading what comes back.
 *
 * @module tidegate/react
 */
"use client";
export type { ResumeStorage } from "./client/bookmark.js";
export type { CallOptions, RetrievedRun, RunHandle, TriggerOptions } from "./client/calls.js";
export type { Receipt, SendOptions } from "./client/create-client.js";
export type { UnreadableRecord } from "./client/entries.js";
export { type ErrorCode, type SendOutcome, TidegateError } from "./client/errors.js";
export type {
  ConnectEvent,
  EndEvent,
  EngineEvent,
  FirstPartEvent,
  GapEvent,
  Happening,
  ReaderName,
  Reason,
  RetryEvent,
  SendEvent,
  TidegateEvent,
  TidegateEvents,
  TokenEvent,
  WithPrincipal,
} from "./client/insight/events.js";
export type { RealtimeRun, RunError, RunFields, RunStatus } from "./client/runs/run.js";
export type { SkipColumn } from "./client/runs/target.js";
export type { AnyTask, TaskIdentifier, TaskOutput, TaskPayload } from "./client/runs/task-types.js";
export type { OutputOf, SchemaIssue, SchemaResult, StandardSchema } from "./client/schema.js";
export type { AccessToken } from "./client/token-source.js";
export type { InputData, InputStreamDefinition, PartOf, StreamDefinition } from "./react/definitions.js";
export {
  TidegateProvider,
  type TidegateProviderProps,
  type TriggerAuth,
  TriggerAuthContext,
  useTriggerAuthContext,
  useTriggerAuthContextOptional,
} from "./react/provider.js";
export { type UseApiClientOptions, useApiClient } from "./react/use-api-client.js";
export { type Approval, type ApprovalAnswer, useApproval } from "./react/use-approval.js";
export { type Cancel, type CancelRequest, useCancel } from "./react/use-cancel.js";
export {
  type InputStreamSend,
  type InputStreamSendInstance,
  type UseInputStreamSendOptions,
  useInputStreamSend,
} from "./react/use-input-stream-send.js";
export {
  type UseRealtimeRunInstance,
  type UseRealtimeSingleRunOptions,
  useRealtimeRun,
} from "./react/use-realtime-run.js";
export {
  type StreamResults,
  type UseRealtimeRunWithStreamsInstance,
  useRealtimeRunWithStreams,
} from "./react/use-realtime-run-with-streams.js";
export {
  type UseRealtimeRunsInstance,
  type UseRealtimeRunsWithTagOptions,
  useRealtimeBatch,
  useRealtimeRunsWithTag,
} from "./react/use-realtime-runs.js";
export {
  type RealtimeStream,
  type StreamReduction,
  type UseRealtimeStreamInstance,
  type UseRealtimeStreamOptions,
  useRealtimeStream,
} from "./react/use-realtime-stream.js";
export {
  type RealtimeTriggerInstance,
  type RealtimeTriggerInstanceWithStreams,
  type UseRealtimeTaskTriggerOptions,
  useRealtimeTaskTrigger,
  useRealtimeTaskTriggerWithStreams,
} from "./react/use-realtime-task-trigger.js";
export { type UseRunInstance, type UseRunOptions, useRun } from "./react/use-run.js";
export { type UseRunMetadataInstance, type UseRunMetadataOptions, useRunMetadata } from "./react/use-run-metadata.js";
export { type RunStanding, type UseRunStatusInstance, useRunStatus } from "./react/use-run-status.js";
export type { Feed, UseRealtimeRunOptions } from "./react/use-runs.js";
export type { HandlerEvent, SingleSend, UseSingleSendOptions } from "./react/use-single-send.js";
export {
  type TaskHandle,
  type TriggerInstance,
  type UseTaskTriggerOptions,
  useTaskTrigger,
} from "./react/use-task-trigger.js";
export { useTidegateEvents } from "./react/use-tidegate-events.js";
export { type UseWaitTokenOptions, useWaitToken, type WaitTokenInstance } from "./react/use-wait-token.js";
export type { Dedupe, Send } from "./store/send-store.js";
export type { PlacedPart as RealtimeStreamPart, StreamSnapshot } from "./store/stream-view.js";
export type { EndReason, ProblemCode, SendState, StreamStatus, WaitingFor } from "./wasm/interface.js";
