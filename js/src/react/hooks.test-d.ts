import { describe, expectTypeOf, it } from "vitest";
import type { Client } from "../index.js";
import type { Receipt, SendOptions, StandardSchema, TidegateError } from "../react.js";
import {
  type ApprovalAnswer,
  type CancelRequest,
  type InputData,
  type InputStreamSendInstance,
  type PartOf,
  type RealtimeRun,
  type RealtimeTriggerInstance,
  type RealtimeTriggerInstanceWithStreams,
  type StreamResults,
  type TriggerInstance,
  type UseApiClientOptions,
  type UseRealtimeRunInstance,
  type UseRealtimeRunOptions,
  type UseRealtimeRunsInstance,
  type UseRealtimeRunsWithTagOptions,
  type UseRealtimeRunWithStreamsInstance,
  type UseRealtimeSingleRunOptions,
  type UseRealtimeStreamInstance,
  type UseRealtimeStreamOptions,
  type UseRealtimeTaskTriggerOptions,
  type UseTaskTriggerOptions,
  useApiClient,
  useApproval,
  useCancel,
  useInputStreamSend,
  useRealtimeBatch,
  useRealtimeRun,
  useRealtimeRunsWithTag,
  useRealtimeRunWithStreams,
  useRealtimeStream,
  useRealtimeTaskTrigger,
  useRealtimeTaskTriggerWithStreams,
  useRun,
  useRunMetadata,
  useRunStatus,
  useTaskTrigger,
  useWaitToken,
  type WaitTokenInstance,
} from "../react.js";
import type * as task from "../testing/task-streams.js";

interface Approval {
  approved: boolean;
  note?: string;
}

/** The shape a task's SDK gives to `streams.input<T>({ id })`. */
interface SdkInput<T> {
  id: string;
  on: (handler: (data: T) => void | Promise<void>) => { off(): void };
  peek: () => T | undefined;
  wait: (options?: { timeout?: string }) => Promise<{ ok: true; output: T } | { ok: false; error: Error }>;
  send: (runId: string, data: T, options?: { requestOptions?: object }) => Promise<void>;
}

/** The shape it gives to `streams.define<T>({ id })`. */
interface SdkStream<T> {
  id: string;
  pipe: (value: AsyncIterable<T> | ReadableStream<T>, options?: object) => { stream: AsyncIterable<T> };
  read: (runId: string, options?: object) => Promise<AsyncIterable<T> & ReadableStream<T>>;
  append: (value: T, options?: object) => Promise<void>;
}

declare const approval: SdkInput<Approval>;
declare const steps: SdkStream<{ step: number }>;
declare const words: SdkStream<string>;

describe("useInputStreamSend", () => {
  it("takes the data type as it is", () => {
    const sending = useInputStreamSend<Approval>("approval", "run_1");
    expectTypeOf(sending.send).parameters.toEqualTypeOf<[Approval, SendOptions?]>();
    expectTypeOf(sending.sendAsync).returns.toEqualTypeOf<Promise<Receipt>>();
    expectTypeOf(sending.error).toEqualTypeOf<TidegateError | undefined>();
    expectTypeOf(sending.sends[0]?.data).toEqualTypeOf<Approval | undefined>();
    expectTypeOf(sending.status).toEqualTypeOf<"idle" | "sending" | "accepted" | "rejected" | "unknown">();
    // @ts-expect-error a string is no boolean
    sending.send({ approved: "yes" });
  });

  it("takes the type of a definition", () => {
    const { send } = useInputStreamSend<typeof approval>("approval", undefined);
    expectTypeOf(send).parameter(0).toEqualTypeOf<Approval>();
    // @ts-expect-error approved is missing
    send({ note: "x" });
  });

  it("takes a definition of which nothing but the type is imported", () => {
    const { send, sendAsync, sends } = useInputStreamSend<typeof task.approval>("approval", "run_1");
    expectTypeOf(send).parameter(0).toEqualTypeOf<{ approved: boolean; note?: string }>();
    expectTypeOf(sendAsync).parameter(0).toEqualTypeOf<{ approved: boolean; note?: string }>();
    expectTypeOf(sends[0]?.data.approved).toEqualTypeOf<boolean | undefined>();
    // @ts-expect-error a string is no boolean
    send({ approved: "yes" });
    expectTypeOf(useInputStreamSend<typeof task.message>("message").send).parameter(0).toEqualTypeOf<string>();
    const control = useInputStreamSend<typeof task.control>("control", "run_1");
    control.send({ kind: "seek", to: 3 });
    // @ts-expect-error where to?
    control.send({ kind: "seek" });
    expectTypeOf<PartOf<typeof task.steps>>().toEqualTypeOf<{ step: number }>();
  });

  it("leaves unions, and what is only similar to a definition, alone", () => {
    expectTypeOf<InputData<"stop" | 1 | null>>().toEqualTypeOf<"stop" | 1 | null>();
    expectTypeOf<InputData<boolean>>().toEqualTypeOf<boolean>();
    expectTypeOf<InputData<{ id: string; text: string }>>().toEqualTypeOf<{ id: string; text: string }>();
    expectTypeOf<InputData<unknown>>().toEqualTypeOf<unknown>();
    expectTypeOf<InputData<SdkInput<"a" | "b">>>().toEqualTypeOf<"a" | "b">();
  });

  it("takes the schema of a library that follows the standard, for this data", () => {
    // Written as such libraries declare theirs: input and output are in the types only.
    interface LibrarySchema<I, O = I> {
      readonly "~standard": {
        readonly version: 1;
        readonly vendor: string;
        readonly validate: (
          value: unknown,
          options?: { readonly libraryOptions?: Record<string, unknown> },
        ) => Result<O> | Promise<Result<O>>;
        readonly types?: { readonly input: I; readonly output: O } | undefined;
      };
    }
    type Result<O> =
      | { readonly value: O; readonly issues?: undefined }
      | { readonly issues: readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }[] };
    const fits = {} as LibrarySchema<Approval, { approved: true }>;
    const other = {} as LibrarySchema<{ text: string }>;
    useInputStreamSend<typeof approval>("approval", "run_1", { schema: fits });
    useInputStreamSend("approval", "run_1", { schema: other });
    // @ts-expect-error it is for other data
    useInputStreamSend<Approval>("approval", "run_1", { schema: other });
  });

  it("takes the arguments of @trigger.dev/react-hooks and gives its fields", () => {
    type Official = (
      streamId: string,
      runId?: string,
      options?: {
        accessToken?: string;
        baseURL?: string;
        previewBranch?: string;
        requestOptions?: { retry?: { maxAttempts?: number } };
        enabled?: boolean;
      },
    ) => { send: (data: Approval) => void; isLoading: boolean; error: Error | undefined; isReady: boolean };
    expectTypeOf(useInputStreamSend<Approval>).toExtend<Official>();
  });

  it("can stand where a function without a result is wanted", () => {
    const { send } = useInputStreamSend<Approval>("approval");
    expectTypeOf(send).toExtend<(data: Approval) => void>();
  });
});

describe("useApproval and useCancel", () => {
  it("say what they send", () => {
    const approval = useApproval("run_1", { streamId: "approval", outbox: "session" });
    expectTypeOf(approval.answer).toEqualTypeOf<ApprovalAnswer | undefined>();
    expectTypeOf(approval.answered).toEqualTypeOf<"here" | "elsewhere" | undefined>();
    expectTypeOf(useCancel(undefined).cancel).returns.resolves.toHaveProperty("data").toEqualTypeOf<CancelRequest>();
    expectTypeOf(approval.retry).toExtend<(event: { type: string; nativeEvent: object }) => void>();
    // @ts-expect-error one answer is what they are for
    useApproval("run_1", { dedupe: "none" });
  });
});

describe("createClient().send", () => {
  const client = {} as Client;

  it("takes any data, and with a schema those it is for", () => {
    const schema = {} as StandardSchema<Approval>;
    expectTypeOf(client.send("run_1", "approval", { anything: 1 })).toEqualTypeOf<Promise<Receipt>>();
    client.send("run_1", "approval", { approved: true }, { schema, outbox: "indexeddb", outboxExpiresInMs: 1000 });
    // @ts-expect-error a string is no boolean
    client.send("run_1", "approval", { approved: "yes" }, { schema });
  });
});

describe("useRealtimeStream", () => {
  it("infers the part from a definition", () => {
    const { parts } = useRealtimeStream(steps, "run_1", { onData: (part) => expectTypeOf(part.step).toBeNumber() });
    expectTypeOf(parts).toEqualTypeOf<{ step: number }[]>();
    expectTypeOf(useRealtimeStream(words, undefined).parts).toEqualTypeOf<string[]>();
    expectTypeOf<PartOf<SdkStream<"a" | "b">>>().toEqualTypeOf<"a" | "b">();
  });

  it("takes a run and a key, or a run", () => {
    expectTypeOf(useRealtimeStream<string>("run_1", "draft").parts).toEqualTypeOf<string[]>();
    expectTypeOf(useRealtimeStream<string>(undefined, { accessToken: "t" }).parts).toEqualTypeOf<string[]>();
    const options = { accessToken: async () => "t", startIndex: 3, throttleInMs: 50, timeoutInSeconds: 120, id: "x" };
    expectTypeOf(useRealtimeStream("run_1", "draft", options).parts).toEqualTypeOf<unknown[]>();
    // @ts-expect-error a token is a string or a function
    useRealtimeStream("run_1", "draft", { accessToken: 5 });
  });

  it("infers what a reducer makes, or takes it as a second type", () => {
    const total = useRealtimeStream(steps, "run_1", { reduce: (sum, { step }) => sum + step, initial: 0 });
    expectTypeOf(total.value).toEqualTypeOf<number>();
    const reduce = (text: string, part: string) => text + part;
    expectTypeOf(useRealtimeStream<string, string>("run_1", "ai", { reduce, initial: "" }).value).toBeString();
    const inline = useRealtimeStream<string, string>("run_1", { reduce: (text, part) => text + part, initial: "" });
    expectTypeOf(inline.value).toBeString();
    expectTypeOf(useRealtimeStream<string>("run_1", "ai", { maxParts: 5 }).value).toBeUndefined();
    // @ts-expect-error without an initial value there is nothing to start from
    useRealtimeStream<string, string>("run_1", "ai", { reduce });
    // @ts-expect-error the value is not what the reducer makes
    useRealtimeStream<string, number>("run_1", "ai", { reduce, initial: 0 });
  });

  it("tells of the end with the types of the stream", () => {
    useRealtimeStream<string, string>("run_1", "ai", {
      reduce: (text, part) => text + part,
      initial: "",
      onComplete: ({ value, parts }) => {
        expectTypeOf(value).toBeString();
        expectTypeOf(parts).toEqualTypeOf<string[]>();
      },
    });
    interface Options extends UseRealtimeStreamOptions<string> {
      label: string;
    }
    expectTypeOf<Options["onData"]>().toEqualTypeOf<((part: string) => void) | undefined>();
  });
});

/** The shape an SDK gives to `task({ id, run })`. */
interface SdkTask<TIdentifier extends string, TInput = void, TOutput = unknown> {
  id: TIdentifier;
  description?: string;
  trigger: (
    payload: TInput,
    options?: { tags?: string | string[]; idempotencyKey?: string | string[] },
    requestOptions?: object,
  ) => Promise<{ id: string; publicAccessToken: string; taskIdentifier: TIdentifier }>;
  batchTrigger: (items: { payload: TInput; options?: object }[], options?: object) => Promise<{ batchId: string }>;
  triggerAndWait: (
    payload: TInput,
    options?: object,
  ) => Promise<{ ok: true; id: string; output: TOutput } | { ok: false; id: string; error: unknown }> & {
    unwrap(): Promise<TOutput>;
  };
}

declare const hello: SdkTask<"hello", { name: string }, { greeting: string }>;
declare const nightly: SdkTask<"nightly", void, number>;
type Hello = typeof hello;

/** What an application written for the official hooks takes a run for. */
interface OfficialRun<TPayload, TOutput> {
  id: string;
  taskIdentifier: string;
  payload: TPayload;
  output?: TOutput;
  createdAt: Date;
  updatedAt: Date;
  status:
    | "PENDING_VERSION"
    | "QUEUED"
    | "DELAYED"
    | "DEQUEUED"
    | "EXECUTING"
    | "WAITING"
    | "COMPLETED"
    | "CANCELED"
    | "FAILED"
    | "CRASHED"
    | "SYSTEM_FAILURE"
    | "EXPIRED"
    | "TIMED_OUT";
  durationMs: number;
  costInCents: number;
  baseCostInCents: number;
  tags: string[];
  idempotencyKey?: string;
  expiredAt?: Date;
  ttl?: string;
  finishedAt?: Date;
  startedAt?: Date;
  delayedUntil?: Date;
  queuedAt?: Date;
  error?: { message: string; name?: string; stackTrace?: string };
  isTest: boolean;
  isQueued: boolean;
  isExecuting: boolean;
  isWaiting: boolean;
  isCompleted: boolean;
  isFailed: boolean;
  isSuccess: boolean;
  isCancelled: boolean;
  realtimeStreams: string[];
}
type OfficialHello = OfficialRun<{ name: string }, { greeting: string }>;

interface OfficialApiOptions {
  accessToken?: string;
  baseURL?: string;
  previewBranch?: string;
  requestOptions?: { retry?: { maxAttempts?: number } };
  refreshAccessToken?: () => Promise<string>;
  enabled?: boolean;
}
type OfficialColumns = (
  | "startedAt"
  | "delayUntil"
  | "completedAt"
  | "payload"
  | "metadata"
  | "output"
  | "runTags"
  | "error"
)[];
interface OfficialRunOptions extends OfficialApiOptions {
  id?: string;
  throttleInMs?: number;
  onComplete?: (run: OfficialHello, err?: Error) => void;
  stopOnCompletion?: boolean;
  skipColumns?: OfficialColumns;
}
interface OfficialFollowed {
  run: OfficialHello | undefined;
  error: Error | undefined;
  stop: () => void;
}
interface OfficialTrigger {
  submit: (payload: { name: string }, options?: { tags?: string | string[]; ttl?: string | number }) => void;
  isLoading: boolean;
  handle?: { id: string; publicAccessToken: string; taskIdentifier: "hello" };
}

describe("hooks that follow runs", () => {
  it("infer payload and output from the type of a task", () => {
    const { run, isFinished } = useRealtimeRun<Hello>("run_1", {
      onComplete: (run, error) => {
        expectTypeOf(run.output).toEqualTypeOf<{ greeting: string } | undefined>();
        expectTypeOf(error).toEqualTypeOf<Error | undefined>();
      },
    });
    expectTypeOf(run?.payload).toEqualTypeOf<{ name: string } | undefined>();
    expectTypeOf(run?.taskIdentifier).toEqualTypeOf<"hello" | undefined>();
    expectTypeOf(isFinished).toBeBoolean();
    expectTypeOf(useRealtimeRun<typeof nightly>("run_1").run?.output).toEqualTypeOf<number | undefined>();
    expectTypeOf(useRealtimeRunsWithTag<Hello>(["a", "b"]).runs).toEqualTypeOf<RealtimeRun<Hello>[]>();
    expectTypeOf(useRealtimeBatch<Hello>("batch_1").runs).toEqualTypeOf<RealtimeRun<Hello>[]>();
    expectTypeOf(useRun<Hello>("run_1").run?.output).toEqualTypeOf<{ greeting: string } | undefined>();
    const { streams } = useRealtimeRunWithStreams<Hello, { ai: string; log: { at: number } }>("run_1");
    expectTypeOf(streams.ai).toEqualTypeOf<string[]>();
    expectTypeOf(streams.log).toEqualTypeOf<{ at: number }[]>();
    // @ts-expect-error no such column
    useRealtimeRun("run_1", { skipColumns: ["anything"] });
  });

  it("take the arguments of @trigger.dev/react-hooks and give its fields", () => {
    expectTypeOf(useRealtimeRun<Hello>).toExtend<(id?: string, options?: OfficialRunOptions) => OfficialFollowed>();
    expectTypeOf(useRealtimeRunWithStreams<Hello, { ai: string }>).toExtend<
      (id?: string, options?: OfficialRunOptions) => OfficialFollowed & { streams: { ai: string[] } }
    >();
    interface OfficialListed {
      runs: OfficialHello[];
      error: Error | undefined;
      stop: () => void;
    }
    interface OfficialListOptions extends OfficialApiOptions {
      id?: string;
      createdAt?: string;
      skipColumns?: OfficialColumns;
    }
    expectTypeOf(useRealtimeRunsWithTag<Hello>).toExtend<
      (tag: string | string[], options?: OfficialListOptions) => OfficialListed
    >();
    expectTypeOf(useRealtimeBatch<Hello>).toExtend<(id: string, options?: OfficialApiOptions) => OfficialListed>();
    interface OfficialPoll extends OfficialApiOptions {
      refreshInterval?: number;
      revalidateOnReconnect?: boolean;
      revalidateOnFocus?: boolean;
    }
    type OfficialRetrieved = { error: Error | undefined; isLoading: boolean; isValidating: boolean; isError: boolean };
    expectTypeOf(useRun<Hello>).toExtend<(id: string, options?: OfficialPoll) => OfficialRetrieved>();
  });

  it("are known by the names of their options and results", () => {
    expectTypeOf(useRealtimeRun<Hello>).returns.toEqualTypeOf<UseRealtimeRunInstance<Hello>>();
    expectTypeOf<UseRealtimeSingleRunOptions<Hello>>().toExtend<UseRealtimeRunOptions>();
    expectTypeOf<UseRealtimeRunsWithTagOptions>().toExtend<UseRealtimeRunOptions>();
    expectTypeOf<UseRealtimeRunsInstance<Hello>["runs"]>().toEqualTypeOf<RealtimeRun<Hello>[]>();
    expectTypeOf<UseRealtimeRunWithStreamsInstance<Hello, { ai: string }>["streams"]>().toEqualTypeOf<
      StreamResults<{ ai: string }>
    >();
    expectTypeOf<UseRealtimeStreamInstance<string>["parts"]>().toEqualTypeOf<string[]>();
    expectTypeOf<InputStreamSendInstance<string>["isReady"]>().toBeBoolean();
    expectTypeOf(useApiClient).toExtend<(options?: UseApiClientOptions) => Client | undefined>();
    expectTypeOf<OfficialApiOptions>().toExtend<UseApiClientOptions>();
  });

  it("say no more of a run than they ask for", () => {
    const { run } = useRunStatus("run_1");
    expectTypeOf(run?.status).toEqualTypeOf<RealtimeRun["status"] | undefined>();
    expectTypeOf(run?.finishedAt).toEqualTypeOf<Date | undefined>();
    // @ts-expect-error there is no payload
    run?.payload;
    // @ts-expect-error what is left out is settled
    useRunStatus("run_1", { skipColumns: ["payload"] });
  });

  it("give metadata the type that a schema makes", () => {
    interface LibrarySchema<I, O = I> {
      readonly "~standard": {
        readonly version: 1;
        readonly vendor: string;
        readonly validate: (
          value: unknown,
        ) => { readonly value: O; readonly issues?: undefined } | { readonly issues: readonly { message: string }[] };
        readonly types?: { readonly input: I; readonly output: O } | undefined;
      };
    }
    const schema = {} as LibrarySchema<{ percent: string }, { percent: number }>;
    expectTypeOf(useRunMetadata("run_1", { schema }).metadata).toEqualTypeOf<{ percent: number } | undefined>();
    expectTypeOf(useRunMetadata("run_1").metadata).not.toBeAny();
    expectTypeOf(useRunMetadata("run_1").error).toEqualTypeOf<TidegateError | undefined>();
  });
});

describe("hooks that trigger and complete", () => {
  it("infer from the type of a task what it is triggered with", () => {
    const { submit, submitAsync, handle } = useTaskTrigger<Hello>("hello");
    submit({ name: "ana" }, { tags: ["a"], delay: new Date(), queue: "q" });
    expectTypeOf(submitAsync).returns.resolves.toHaveProperty("id").toBeString();
    expectTypeOf(handle?.publicAccessToken).toEqualTypeOf<string | undefined>();
    // @ts-expect-error a number is no name
    submit({ name: 5 });
    // @ts-expect-error it is another task's id
    useTaskTrigger<Hello>("other");
    expectTypeOf(useRealtimeTaskTrigger<Hello>("hello").run).toEqualTypeOf<RealtimeRun<Hello> | undefined>();
    const { streams } = useRealtimeTaskTriggerWithStreams<Hello, { ai: string }>("hello");
    expectTypeOf(streams.ai).toEqualTypeOf<string[]>();
    expectTypeOf(useWaitToken<{ ok: boolean }>("waitpoint_1").complete).parameter(0).toEqualTypeOf<{ ok: boolean }>();
  });

  it("take the arguments of @trigger.dev/react-hooks and give its fields", () => {
    type Triggered = OfficialTrigger & { error?: Error };
    expectTypeOf(useTaskTrigger<Hello>).toExtend<(id: "hello", options?: OfficialApiOptions) => Triggered>();
    interface Options extends OfficialApiOptions {
      experimental_throttleInMs?: number;
      skipColumns?: OfficialColumns;
    }
    expectTypeOf(useRealtimeTaskTrigger<Hello>).toExtend<
      (id: "hello", options?: Options) => OfficialTrigger & OfficialFollowed
    >();
    expectTypeOf(useRealtimeTaskTriggerWithStreams<Hello, { ai: string }>).toExtend<
      (id: "hello", options?: Options) => OfficialTrigger & OfficialFollowed & { streams: { ai: string[] } }
    >();
    type OfficialWait = {
      complete: (output: number) => void;
      isLoading: boolean;
      isCompleted: boolean;
      error?: Error;
      isReady: boolean;
    };
    expectTypeOf(useWaitToken<number>).toExtend<(id?: string, options?: OfficialApiOptions) => OfficialWait>();
    expectTypeOf<WaitTokenInstance<number>>().toExtend<OfficialWait>();
    expectTypeOf(useTaskTrigger<Hello>).returns.toEqualTypeOf<TriggerInstance<Hello>>();
    expectTypeOf<UseRealtimeTaskTriggerOptions>().toExtend<UseTaskTriggerOptions>();
    expectTypeOf(useRealtimeTaskTrigger<Hello>).returns.toEqualTypeOf<RealtimeTriggerInstance<Hello>>();
    expectTypeOf(useRealtimeTaskTriggerWithStreams<Hello, { ai: string }>).returns.toEqualTypeOf<
      RealtimeTriggerInstanceWithStreams<Hello, { ai: string }>
    >();
  });
});

describe("useRealtimeStream's official options", () => {
  it("are taken", () => {
    useRealtimeStream<string>("run_1", "ai", {
      from: "beginning",
      lastEventId: 5,
      maxParts: 1,
      onParts: (parts) => expectTypeOf(parts).toExtend<{ id: string; chunk: string; timestamp: number }[]>(),
    });
  });
});
