/** Tidegate inside of tasks: streams into and out of a run. Node 20, Bun and Deno. */
export type {
  InputStreamIdleOptions,
  InputStreamOnceOptions,
  InputStreamSendOptions,
  InputStreamSubscription,
  InputStreamWaitOptions,
  TaskInputStream,
} from "./task/input-stream.js";
export { InputStreamTimeoutError, type Result, type ResultPromise, WaitpointTimeoutError } from "./task/results.js";
export type {
  AppendStreamOptions,
  PipeStreamOptions,
  PipeStreamResult,
  StreamWriteResult,
  WriterStreamOptions,
} from "./task/stream-writer.js";
export { type ReadStreamOptions, streams, type TaskOutputStream } from "./task/streams.js";
