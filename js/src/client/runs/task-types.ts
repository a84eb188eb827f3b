// What pages import with `import type` from their task files. Written after what a task's SDK declares; it is not imported here.

/** A task as its file defines it: `task({ id, run })` or `schemaTask(…)`. Pass its type, `typeof myTask`. */
export interface AnyTask {
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: a task of any payload has to fit
  readonly trigger: (payload: any, ...rest: any[]) => unknown;
}

/** The id of a task, as the literal type it was defined with. */
export type TaskIdentifier<TTask extends AnyTask> = TTask["id"];

/** What a task is triggered with. */
export type TaskPayload<TTask extends AnyTask> = TTask extends {
  // biome-ignore lint/suspicious/noExplicitAny: only the payload matters
  trigger: (payload: infer TPayload, ...rest: any[]) => unknown;
}
  ? TPayload
  : never;

/** What a task returns, as its run tells it. */
export type TaskOutput<TTask extends AnyTask> = TTask extends {
  // biome-ignore lint/suspicious/noExplicitAny: only what it resolves to matters
  triggerAndWait: (...parameters: any[]) => { unwrap(): Promise<infer TOutput> };
}
  ? TOutput
  : // biome-ignore lint/suspicious/noExplicitAny: only what it returns matters
    TTask extends { run: (...parameters: any[]) => infer TReturned }
    ? Awaited<TReturned>
    : // biome-ignore lint/suspicious/noExplicitAny: nothing is known of it, as in the official types
      any;
