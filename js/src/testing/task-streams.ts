// A task file as an application has it, of which pages import the types. Written after what a task's SDK declares.

interface InputStreamPromise<T> extends Promise<{ ok: true; output: T } | { ok: false; error: Error }> {
  unwrap(): Promise<T>;
}

interface InputStream<T> {
  id: string;
  on: (handler: (data: T) => void | Promise<void>) => { off: () => void };
  once: (options?: { signal?: AbortSignal; timeoutMs?: number }) => InputStreamPromise<T>;
  peek: () => T | undefined;
  wait: (options?: { timeout?: string; idempotencyKey?: string; tags?: string[] }) => InputStreamPromise<T>;
  waitWithIdleTimeout: (options: { idleTimeoutInSeconds: number; timeout?: string }) => InputStreamPromise<T>;
  send: (runId: string, data: T, options?: { requestOptions?: object }) => Promise<void>;
}

interface OutputStream<T> {
  id: string;
  pipe: (value: AsyncIterable<T> | ReadableStream<T>, options?: object) => { stream: AsyncIterable<T> };
  read: (runId: string, options?: object) => Promise<AsyncIterable<T> & ReadableStream<T>>;
  append: (value: T, options?: object) => Promise<void>;
}

declare const streams: {
  input<T>(options: { id: string }): InputStream<T>;
  define<T>(options: { id: string }): OutputStream<T>;
};

export const approval = streams.input<{ approved: boolean; note?: string }>({ id: "approval" });
export const message = streams.input<string>({ id: "message" });
export const control = streams.input<{ kind: "pause" } | { kind: "seek"; to: number }>({ id: "control" });
export const steps = streams.define<{ step: number }>({ id: "steps" });
