"use client";
export type { ResumeStorage } from "./client/bookmark.js";
/**
 * React hooks for sending into running tasks and reading what comes back.
 *
 * @packageDocumentation
 */
export type { Receipt, SendOptions } from "./client/create-client.js";
export type { UnreadableRecord } from "./client/entries.js";
export { type ErrorCode, type SendOutcome, TidegateError } from "./client/errors.js";
export type { SchemaIssue, SchemaResult, StandardSchema } from "./client/schema.js";
export type { AccessToken } from "./client/token-source.js";
export type { InputData, InputStreamDefinition, PartOf, StreamDefinition } from "./react/definitions.js";
export {
  TidegateProvider,
  type TidegateProviderProps,
  type TriggerAuth,
  TriggerAuthContext,
} from "./react/provider.js";
export { type Approval, type ApprovalAnswer, useApproval } from "./react/use-approval.js";
export { type Cancel, type CancelRequest, useCancel } from "./react/use-cancel.js";
export {
  type InputStreamSend,
  type UseInputStreamSendOptions,
  useInputStreamSend,
} from "./react/use-input-stream-send.js";
export {
  type RealtimeStream,
  type StreamReduction,
  type UseRealtimeStreamOptions,
  useRealtimeStream,
} from "./react/use-realtime-stream.js";
export type { HandlerEvent, SingleSend, UseSingleSendOptions } from "./react/use-single-send.js";
export type { Dedupe, Send } from "./store/send-store.js";
export type { StreamSnapshot } from "./store/stream-view.js";
export type { EndReason, SendState, StreamStatus, WaitingFor } from "./wasm/interface.js";
