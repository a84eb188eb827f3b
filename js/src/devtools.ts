/**
 * What a developer looks at: a panel, and the events and the state of the whole page without a component. Load it where it is wanted:
 * `lazy(() => import("./my-panel"))`, or only while `process.env.NODE_ENV` is not `production`.
 *
 * @module tidegate/devtools
 */
"use client";
export type { ErrorCode } from "./client/errors.js";
export type {
  DebugDump,
  DumpedCall,
  DumpedPrincipal,
  DumpedReader,
  DumpedSend,
} from "./client/insight/dump.js";
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
export { debug, measure, on } from "./devtools/page.js";
export { TidegatePanel, type TidegatePanelProps } from "./devtools/panel.js";
export type { EndReason, EngineKind, ProblemCode, SendState, StreamStatus, WaitingFor } from "./wasm/interface.js";
