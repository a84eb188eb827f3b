import type { FeedEntry, Principal, StreamEntry } from "../entries.js";
import type { TidegateError } from "../errors.js";
import { onePerPage } from "../page.js";
import { expiryOf } from "../token-source.js";
import type { WatchedSend } from "../watch.js";
import type { ReaderName, Reason } from "./events.js";

export type Reader = StreamEntry | FeedEntry;

/** Numbers things in the order in which they are first asked for. */
class Numbers {
  readonly #numbers = new WeakMap<object, number>();
  #last = 0;

  of(what: object): number {
    const number = this.#numbers.get(what) ?? ++this.#last;
    this.#numbers.set(what, number);
    return number;
  }
}

const numbers = () =>
  onePerPage("numbers", () => ({ principals: new Numbers(), readers: new Numbers(), sends: new Numbers() }));

export function numberOf(principal: Principal): number {
  return numbers().principals.of(principal);
}

export function nameOfSend(send: WatchedSend) {
  const { principal, runId, streamId } = send;
  const name = { principal: numberOf(principal), send: numbers().sends.of(send) };
  return { ...name, runId: clean(runId), streamId: clean(streamId) };
}

export function nameOf(reader: Reader): ReaderName {
  const name = { principal: numberOf(reader.principal), reader: numbers().readers.of(reader) };
  if (!("address" in reader)) return { ...name, kind: "stream", runId: clean(reader.runId), key: clean(reader.key) };
  const { kind, name: named } = reader.address;
  if (kind === 0) return { ...name, kind: "run", runId: clean(named) };
  if (kind === 2) return { ...name, kind: "batch", batchId: clean(named) };
  // Tags hold names and addresses of people as often as not.
  return { ...name, kind: "runs", tags: named ? named.split(",").length : 0 };
}

/** Its message stays away: it may quote what a server said, and that may quote what it was sent. */
export function reasonOf(error: TidegateError | undefined): Reason {
  return slim<Reason>({ code: error?.code, httpStatus: error?.status });
}

export function expiryMsOf({ token }: Principal): number | undefined {
  return (token && expiryOf(token) * 1000) || undefined;
}

/** What a caller has put in the place of a name may be a token; what a server calls a position may be anything. */
export function clean(text: string): string {
  return text.replace(/(eyJ|tr_)[\w.-]+/g, "<token>").slice(0, 200);
}

/** Without the fields that say nothing. */
export function slim<T extends object>(fields: T | { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
