// Components as an application has them: written against the official package, and nothing but it.
import type {
  UseRealtimeRunOptions,
  UseRealtimeRunsWithTagOptions,
  UseRealtimeSingleRunOptions,
  UseRealtimeStreamOptions,
} from "@trigger.dev/react-hooks";
import {
  useRealtimeBatch,
  useRealtimeRun,
  useRealtimeRunsWithTag,
  useRealtimeRunWithStreams,
  useRealtimeStream,
  useRealtimeTaskTriggerWithStreams,
} from "@trigger.dev/react-hooks";
import type { render } from "../types/tasks.js";
import { Shown } from "./screen.js";

type Task = typeof render;
type SingleRun = ReturnType<typeof useRealtimeRun<Task>>["run"];

export interface RunView {
  id?: string;
  status?: string;
  failed: boolean;
  [other: string]: unknown;
}

interface RunProps extends UseRealtimeSingleRunOptions<Task> {
  runId: string | undefined;
  also?: ((run: NonNullable<SingleRun>) => object) | undefined;
}

export function Run({ runId, also, ...options }: RunProps) {
  const { run, error, stop } = useRealtimeRun<Task>(runId, options);
  return (
    <>
      <Shown value={{ id: run?.id, status: run?.status, failed: !!error, ...(run && also?.(run)) }} />
      <button type="button" onClick={stop}>
        Stop
      </button>
    </>
  );
}

export function RunWithStreams({
  runId,
  ...options
}: UseRealtimeSingleRunOptions<Task> & { runId: string | undefined }) {
  const { run, streams, error, stop } = useRealtimeRunWithStreams<Task, { log: string; steps: { n: number } }>(
    runId,
    options,
  );
  return (
    <>
      <Shown value={{ id: run?.id, status: run?.status, streams, failed: !!error }} />
      <button type="button" onClick={stop}>
        Stop
      </button>
    </>
  );
}

export interface RunsView {
  runs: { id: string; status: string; [other: string]: unknown }[];
  failed: boolean;
}

interface TagProps extends UseRealtimeRunsWithTagOptions {
  tag: string | string[];
}

export function TaggedRuns({ tag, ...options }: TagProps) {
  const { runs, error, stop } = useRealtimeRunsWithTag<Task>(tag, options);
  return (
    <>
      <Shown value={{ runs: runs.map(({ id, status, tags }) => ({ id, status, tags })), failed: !!error }} />
      <button type="button" onClick={stop}>
        Stop
      </button>
    </>
  );
}

export function BatchRuns({ batchId, ...options }: UseRealtimeRunOptions & { batchId: string }) {
  const { runs, error } = useRealtimeBatch<Task>(batchId, options);
  return <Shown value={{ runs: runs.map(({ id, status }) => ({ id, status })), failed: !!error }} />;
}

export interface StreamView {
  parts: unknown[];
  lastEventId?: string;
  failed: boolean;
}

interface StreamProps extends UseRealtimeStreamOptions<string> {
  runId: string;
  streamKey: string;
}

export function Stream({ runId, streamKey, ...options }: StreamProps) {
  const { parts, lastEventId, error, stop } = useRealtimeStream<string>(runId, streamKey, options);
  return (
    <>
      <Shown value={{ parts, lastEventId, failed: !!error }} />
      <button type="button" onClick={stop}>
        Stop
      </button>
    </>
  );
}

export function DefaultStream({ runId, ...options }: UseRealtimeStreamOptions<string> & { runId: string }) {
  const { parts, error } = useRealtimeStream<string>(runId, options);
  return <Shown value={{ parts, failed: !!error }} />;
}

export interface RunWithStreamsView {
  id?: string;
  status?: string;
  streams: { log?: string[]; steps?: { n: number }[] };
  failed: boolean;
}

export interface RealtimeTriggering {
  handle?: { id: string; hasToken: boolean; taskIdentifier: string };
  isLoading: boolean;
  failed: boolean;
  status?: string;
  streams?: unknown;
}

export function describeHandle(handle: { id: string; publicAccessToken: string; taskIdentifier: string } | undefined) {
  return handle && { id: handle.id, hasToken: !!handle.publicAccessToken, taskIdentifier: handle.taskIdentifier };
}

export function RealtimeTriggerWithStreams() {
  const { submit, handle, run, streams, isLoading, error } = useRealtimeTaskTriggerWithStreams<
    typeof render,
    { log: string }
  >("render");
  return (
    <>
      <Shown value={{ handle: describeHandle(handle), isLoading, failed: !!error, status: run?.status, streams }} />
      <button type="button" onClick={() => submit({ scene: "sea" })}>
        Submit
      </button>
    </>
  );
}
