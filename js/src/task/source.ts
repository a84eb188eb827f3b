import { invalidOptions } from "../client/errors.js";

/** What can be piped: an async iterable such as a generator, a stream, or what is there already. */
export type Source<T> = AsyncIterable<T> | ReadableStream<T> | Iterable<T>;

/** Its items one by one, also of a stream that is not iterable. */
export function iterate<T>(source: Source<T>): AsyncIterator<T> | Iterator<T> {
  const given = Object(source);
  if (typeof given[Symbol.asyncIterator] === "function") return given[Symbol.asyncIterator]();
  if (typeof given.getReader === "function") return readerOf(given);
  if (typeof source !== "string" && typeof given[Symbol.iterator] === "function") return given[Symbol.iterator]();
  throw invalidOptions("There is nothing to pipe. Pass an async iterable, a ReadableStream or a generator.");
}

function readerOf<T>(stream: ReadableStream<T>): AsyncIterator<T> {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<T>>,
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}
