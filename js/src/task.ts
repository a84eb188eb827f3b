/**
 * The task's half: tasks, and the worker that executes them for a development server. Node 20 and newer, Bun, and Deno with `--allow-net`
 * for the server and `--allow-env=TRIGGER_*,VERCEL_GIT_COMMIT_REF,NODE_ENV`; `make packaging` tries it in each of them.
 *
 * @module tidegate/task
 */
export type { CallOptions, TriggerOptions } from "./client/calls.js";
export { type ErrorCode, TidegateError } from "./client/errors.js";
export type { TaskIdentifier, TaskOutput, TaskPayload } from "./client/runs/task-types.js";
export type { TriggeredRun } from "./server/backend.js";
export { type BackendOptions, configure } from "./server/configuration.js";
export type { WaitToken, WaitTokenOptions } from "./server/wait-tokens.js";
export type { AsyncIterableStream } from "./task/branch.js";
export { AbortTaskRunError } from "./task/failure.js";
export type {
  InputStreamIdleOptions,
  InputStreamOnceOptions,
  InputStreamOnOptions,
  InputStreamSendOptions,
  InputStreamSubscription,
  InputStreamWaitOptions,
  TaskInputStream,
} from "./task/input-stream.js";
export type { Metadata, MetadataSource, MetadataUpdater } from "./task/metadata.js";
export { metadata } from "./task/metadata-of-run.js";
export type { StreamTarget } from "./task/outputs.js";
export { InputStreamTimeoutError, type Result, type ResultPromise, WaitpointTimeoutError } from "./task/results.js";
export { type ServeOptions, type Serving, serve } from "./task/serve.js";
export type { Source } from "./task/source.js";
export type {
  AppendStreamOptions,
  PipeStreamOptions,
  PipeStreamResult,
  StreamWriteResult,
  WriterStreamOptions,
} from "./task/stream-writer.js";
export { type ReadStreamOptions, streams, type TaskOutputStream } from "./task/streams.js";
export {
  type RetryOptions,
  type RunParameters,
  type ServedTask,
  type Task,
  type TaskContext,
  type TaskOptions,
  task,
} from "./task/task.js";
export { wait } from "./task/wait.js";
