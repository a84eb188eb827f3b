import { describe, expectTypeOf, it } from "vitest";
import type { Client } from "../index.js";
import type { Receipt, SendOptions, StandardSchema, TidegateError } from "../react.js";
import {
  type ApprovalAnswer,
  type CancelRequest,
  type InputData,
  type PartOf,
  type UseRealtimeStreamOptions,
  useApproval,
  useCancel,
  useInputStreamSend,
  useRealtimeStream,
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
