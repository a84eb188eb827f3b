/** What waiting came to. */
export type Result<T, E extends Error> =
  | { readonly ok: true; readonly output: T }
  | { readonly ok: false; readonly error: E };

/** Nothing came within `timeoutMs`. */
export class InputStreamTimeoutError extends Error {
  override readonly name = "InputStreamTimeoutError";

  constructor(
    readonly streamId: string,
    readonly timeoutMs: number,
  ) {
    super(`Timeout waiting for input stream "${streamId}" after ${timeoutMs}ms`);
  }
}

/** Nothing came before the time of a wait was out. */
export class WaitpointTimeoutError extends Error {
  override readonly name = "WaitpointTimeoutError";
}

/**
 * A promise of a {@link Result}; `unwrap()` is the promise of its output, and rejects with its error. One that nobody looks at does
 * not count as unhandled.
 */
export class ResultPromise<T, E extends Error> extends Promise<Result<T, E>> {
  static override get [Symbol.species]() {
    return Promise;
  }

  static of<T, E extends Error>(promise: Promise<Result<T, E>>): ResultPromise<T, E> {
    const result = new ResultPromise<T, E>((resolve) => resolve(promise));
    result.catch(() => {});
    return result;
  }

  /** The output; rejects with the error. */
  async unwrap(): Promise<T> {
    const result = await this;
    if (result.ok) return result.output;
    throw result.error;
  }
}
