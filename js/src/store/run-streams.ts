import type { TidegateError } from "../client/errors.js";
import { type StreamAddress, streamStoreKey } from "./stream-store.js";
import { StreamView } from "./stream-view.js";

/** The streams of a run, by key. A new object when one of them has new parts. */
export interface RunStreamsSnapshot {
  readonly streams: Readonly<Record<string, unknown[]>>;
  /** What is wrong with the first of them with which something is. */
  readonly error: TidegateError | undefined;
}

const NO_STREAMS: RunStreamsSnapshot = { streams: {}, error: undefined };

/** One component's way of looking at all streams of a run: each is read once for the page, and from its beginning. */
export class RunStreams {
  #runId: string | undefined;
  #views = new Map<string, StreamView<unknown, undefined>>();
  #seen = NO_STREAMS;

  /** What is to be seen of them. While they are not read it is what was there last. */
  getSnapshot(runId: string | undefined, addresses: readonly StreamAddress[]): RunStreamsSnapshot {
    if (runId !== this.#runId) {
      this.#runId = runId;
      this.#views = new Map();
      this.#seen = NO_STREAMS;
    }
    if (addresses.length === 0) return this.#seen;
    const streams: Record<string, unknown[]> = { ...this.#seen.streams };
    let error: TidegateError | undefined;
    for (const address of addresses) {
      const key = streamStoreKey(address);
      const snapshot = this.#viewOf(key).getSnapshot(key);
      if (snapshot.parts.length > 0) streams[address.key] = snapshot.parts;
      error ??= snapshot.error;
    }
    const { streams: before, error: errorBefore } = this.#seen;
    const names = Object.keys(streams);
    const isSame = error === errorBefore && names.every((name) => streams[name] === before[name]);
    if (!isSame) this.#seen = { streams, error };
    return this.#seen;
  }

  /** Reads them; `listener` is called when there may be something new to see. */
  open(addresses: readonly StreamAddress[], throttleInMs: number, listener: () => void): () => void {
    const leave = addresses.map((address) => {
      const key = streamStoreKey(address);
      const view = this.#viewOf(key);
      view.options = { ...view.options, throttleInMs };
      return view.open(key, address, listener);
    });
    return () => {
      for (const leaveOne of leave) leaveOne();
    };
  }

  #viewOf(key: string): StreamView<unknown, undefined> {
    let view = this.#views.get(key);
    if (!view) {
      const limit = Number.POSITIVE_INFINITY;
      const nothing = { timeoutInSeconds: undefined, reduce: undefined, initial: undefined, onData: undefined };
      view = new StreamView({ throttleInMs: 0, limit, ...nothing });
      this.#views.set(key, view);
    }
    return view;
  }
}
