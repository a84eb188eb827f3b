import { type Client, createClient, type StreamOptions } from "../client/create-client.js";
import { checkName } from "../client/options.js";
import type { PartStream } from "../client/part-stream.js";
import { type BackendOptions, configuration, toIdentity } from "../server/configuration.js";
import { afterEnd } from "./failure.js";
import { defineInput, type TaskInputStream } from "./input-stream.js";
import { currentRun, type RunContext } from "./run-context.js";
import type { Source } from "./source.js";
import {
  type AppendStreamOptions,
  appendTo,
  type PipeStreamOptions,
  type PipeStreamResult,
  pipeTo,
  type WriterStreamOptions,
  writeTo,
} from "./stream-writer.js";

/** The stream of a run that has no name. */
const DEFAULT_KEY = "default";

/** Options of `read`. */
export interface ReadStreamOptions
  extends Pick<StreamOptions, "startIndex" | "timeoutInSeconds" | "signal" | "lastEventId" | "from"> {}

/** A stream of a run, by its key. What begins when the run around the caller has ended is refused: `invalid-options`. */
export interface TaskOutputStream<T> {
  readonly id: string;
  /** Writes what the source gives. */
  pipe(source: Source<T>, options?: PipeStreamOptions): PipeStreamResult<T>;
  /** Writes what a function says, and merges streams. */
  writer(options: WriterStreamOptions<T>): PipeStreamResult<T>;
  /** Writes one value. Resolves when it is in the log; values leave in the order of the calls. */
  append(value: T, options?: AppendStreamOptions): Promise<void>;
  /** Reads it, of any run. The loop ends when that run has ended and everything has been read; silence does not end it. */
  read(runId: string, options?: ReadStreamOptions): Promise<PartStream<T>>;
}

function define<T>({ id }: { id: string }): TaskOutputStream<T> {
  checkName("stream's id", id, "Pass the key that pages read it by, as in streams.define({ id: 'steps' }).");
  return {
    id,
    pipe: (source, options) => pipeTo(id, source, options),
    writer: (options) => writeTo(id, options),
    append: (value, options = {}) => appendTo(id, value, options),
    read: (runId, options) => readFrom<T>(runId, id, options),
  };
}

function pipe<T>(source: Source<T>, options?: PipeStreamOptions): PipeStreamResult<T>;
function pipe<T>(key: string, source: Source<T>, options?: PipeStreamOptions): PipeStreamResult<T>;
function pipe<T>(...given: [Source<T>, PipeStreamOptions?] | [string, Source<T>, PipeStreamOptions?]) {
  if (typeof given[0] === "string") return pipeTo(given[0], given[1] as Source<T>, given[2] as PipeStreamOptions);
  return pipeTo(DEFAULT_KEY, given[0], given[1] as PipeStreamOptions);
}

function writer<T>(options: WriterStreamOptions<T>): PipeStreamResult<T>;
function writer<T>(key: string, options: WriterStreamOptions<T>): PipeStreamResult<T>;
function writer<T>(first: string | WriterStreamOptions<T>, second?: WriterStreamOptions<T>) {
  if (typeof first === "string") return writeTo(first, second as WriterStreamOptions<T>);
  return writeTo(DEFAULT_KEY, first);
}

async function append(value: BodyInit, options?: AppendStreamOptions): Promise<void>;
async function append(key: string, value: BodyInit, options?: AppendStreamOptions): Promise<void>;
async function append(
  first: BodyInit,
  second?: BodyInit | AppendStreamOptions,
  third?: AppendStreamOptions,
): Promise<void> {
  const hasKey = typeof first === "string" && (third !== undefined || isBody(second));
  const [key, value, options] = hasKey ? [first, second, third] : [DEFAULT_KEY, first, second];
  const text = typeof value === "string" ? value : await new Response(value as BodyInit).text();
  await appendTo(key, text, (options as AppendStreamOptions) ?? {});
}

/** As opposed to options. */
function isBody(given: unknown): boolean {
  if (given === undefined) return false;
  return typeof given !== "object" || Object.getPrototypeOf(given) !== Object.prototype;
}

async function read<T = unknown>(runId: string, options?: ReadStreamOptions): Promise<PartStream<T>>;
async function read<T = unknown>(runId: string, key: string, options?: ReadStreamOptions): Promise<PartStream<T>>;
async function read<T>(runId: string, second?: string | ReadStreamOptions, third?: ReadStreamOptions) {
  return typeof second === "string" ? readFrom<T>(runId, second, third) : readFrom<T>(runId, DEFAULT_KEY, second);
}

const KIND = Symbol("reader");
let outside: { for: string; client: Client } | undefined;

/** Who reads for a run: nobody, once that has ended. */
interface RunReader {
  readonly client: Client;
  isOpen: boolean;
}

function readerOf(run: RunContext): RunReader {
  const client = clientOf(run.backend);
  const reader = { client, isOpen: true };
  const close = async () => {
    reader.isOpen = false;
    client.close();
  };
  if (!run.atEnd(close)) void close();
  return reader;
}

/** Who reads, with the secret key: one for a run, and one for what is no run's. */
function reader(): Client {
  const run = currentRun();
  if (run) {
    const { client, isOpen } = run.keep(KIND, () => readerOf(run));
    if (!isOpen) throw afterEnd("what reads streams for it has been closed. Read them to their end");
    return client;
  }
  const options = configuration();
  const name = JSON.stringify(options);
  if (outside?.for !== name) outside = { for: name, client: clientOf(options) };
  return outside.client;
}

function clientOf(options: BackendOptions): Client {
  const { token, endpoint } = toIdentity(options);
  return createClient({ accessToken: token, baseURL: endpoint.baseURL, previewBranch: endpoint.branch });
}

async function readFrom<T>(runId: string, key: string, options: ReadStreamOptions = {}): Promise<PartStream<T>> {
  return reader().stream<T>(runId, key, options);
}

/** Streams into and out of runs. */
export const streams = {
  /** An input stream: what a task receives, and what others send. */
  input: <T = unknown>(options: { id: string }): TaskInputStream<T> => defineInput<T>(options),
  /** An output stream with a name and a type. */
  define,
  /** Writes what the source gives to a stream of this run. */
  pipe,
  /** Writes what a function says to a stream of this run. */
  writer,
  /** Writes a text to a stream of this run. */
  append,
  /** Reads a stream of any run. */
  read,
};
