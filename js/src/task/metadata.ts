import { invalidOptions } from "../client/errors.js";
import { warnInDevelopment } from "../wasm/development.js";
import { type MetadataKind, MetadataTarget } from "../wasm/metadata-interface.js";
import { toDocument, toJson, toStep } from "./metadata-values.js";
import { currentRun } from "./run-context.js";
import { RunMetadata } from "./run-metadata.js";

/** What a stream is made of. */
export type MetadataSource<T> = AsyncIterable<T> | ReadableStream<T>;

/**
 * What changes the metadata of a run. Every call is seen at once, and written within a second together with others, in order. Keys are names, or
 * paths such as `$.steps.0.done`. Values are JSON; dates become strings. Outside of a run nothing happens.
 *
 * A value that is no JSON, a document of more than 256 KB, and a change that comes when the run has ended, throw a {@link TidegateError}, and
 * nothing has changed.
 */
export interface MetadataUpdater {
  /** Puts a value in a place. A path leads through what is there; it makes no objects on its way. */
  set(key: string, value: unknown): this;
  /** Takes a member out. */
  del(key: string): this;
  /** Adds an element to an array; makes one of what is there otherwise. */
  append(key: string, value: unknown): this;
  /** Takes every element that equals the value out of an array. */
  remove(key: string, value: unknown): this;
  /** Adds to a number. Default: 1. What is no number counts as 0. */
  increment(key: string, value?: number): this;
  /** Takes from a number. Default: 1. */
  decrement(key: string, value?: number): this;
  /** Puts an object in the place of the whole document. */
  replace(metadata: object): this;
  /** The same as `replace`. */
  update(metadata: object): this;
  /** Writes what the source gives to a stream of that run, and gives it on. */
  stream<T>(key: string, source: MetadataSource<T>, signal?: AbortSignal): Promise<AsyncIterable<T>>;
}

/** The metadata of the run around the caller: a JSON object that pages follow and backends read. */
export interface Metadata extends MetadataUpdater {
  /** A member of the document, as this run sees it; undefined outside of a run. A copy. */
  get<T = unknown>(key: string): T | undefined;
  /** The whole document; undefined outside of a run. A copy. */
  current<T = Record<string, unknown>>(): T | undefined;
  /** The same as `replace`. */
  save(metadata: object): this;
  /**
   * Writes now, and resolves when everything so far is written. Rejects with a {@link TidegateError} where the server refuses it, or cannot
   * be reached in five attempts; in that case it stays queued. At the end of the run it happens by itself.
   */
  flush(): Promise<void>;
  /** Reads what others have written meanwhile. Own changes that are not written stay on top. */
  refresh(): Promise<void>;
  /** Reads a stream of this run. */
  fetchStream<T>(key: string, signal?: AbortSignal): Promise<AsyncIterable<T>>;
  /** The run that triggered this one, or this one where there is none. */
  readonly parent: MetadataUpdater;
  /** The first run of the line, or this one. */
  readonly root: MetadataUpdater;
}

/** What metadata need of the streams of a run. */
export interface MetadataStreams {
  pipe<T>(
    key: string,
    source: MetadataSource<T>,
    options: { target?: string; signal?: AbortSignal },
  ): { readonly stream: AsyncIterable<T> };
  read<T>(runId: string, key: string, options: { signal?: AbortSignal }): Promise<AsyncIterable<T>>;
}

const KIND = Symbol("metadata");

function ambient(): RunMetadata | undefined {
  const run = currentRun();
  if (run) return run.keep(KIND, () => new RunMetadata(run));
  warnInDevelopment(() => "metadata is used outside of a run of a task, where it does nothing.", KIND);
  return undefined;
}

/** The metadata of whichever run is around, with the streams that go with them. */
export function metadataWith(streams: MetadataStreams): Metadata {
  const all: Metadata = {
    ...updater("self", () => all),
    get: <T>(key: string) => ambient()?.member(key) as T | undefined,
    current: <T>() => ambient()?.document() as T | undefined,
    save: (metadata) => all.replace(metadata),
    flush: async () => ambient()?.flush(),
    refresh: async () => ambient()?.refresh(),
    async fetchStream<T>(key: string, signal?: AbortSignal) {
      const run = currentRun();
      if (!run)
        throw invalidOptions("metadata.fetchStream() reads a stream of the run around it, and there is none here.");
      return streams.read<T>(run.runId, key, signal ? { signal } : {});
    },
    parent: updater("parent"),
    root: updater("root"),
  };
  return all;

  function updater<Self extends MetadataUpdater>(target: keyof typeof MetadataTarget, self?: () => Self): Self {
    const change = (kind: MetadataKind, key: string, value: () => string) => {
      const json = value(); // A mistake is one outside of a run too.
      ambient()?.apply(MetadataTarget[target], kind, key, json);
      return self?.() ?? own;
    };
    const own: MetadataUpdater = {
      set: (key, value) => change("set", key, () => toJson(value)),
      del: (key) => change("delete", key, () => ""),
      append: (key, value) => change("append", key, () => toJson(value)),
      remove: (key, value) => change("remove", key, () => toJson(value)),
      increment: (key, value = 1) => change("increment", key, () => toStep(value)),
      decrement: (key, value = 1) => change("increment", key, () => toStep(typeof value === "number" ? -value : value)),
      replace: (metadata) => change("update", "", () => toDocument(metadata)),
      update: (metadata) => change("update", "", () => toDocument(metadata)),
      async stream<T>(key: string, source: MetadataSource<T>, signal?: AbortSignal) {
        if (!currentRun()) return source as AsyncIterable<T>;
        return streams.pipe(key, source, { target, ...(signal && { signal }) }).stream;
      },
    };
    return own as Self;
  }
}
