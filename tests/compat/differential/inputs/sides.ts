import { ApiClient, inputStreams, runtime, taskContext } from "@trigger.dev/core/v3";
import { StandardInputStreamManager } from "@trigger.dev/core/v3/workers";
import { configure, streams as official } from "@trigger.dev/sdk";
import { inRun } from "../../../../js/src/task/run-context.js";
import { streams as own } from "../../../../js/src/task/streams.js";
import { FakeRun } from "../../../../js/src/testing/fake-run.js";
import type { InputServer, SideName } from "./server.js";

/** What became of somebody who wanted one record. */
export interface Outcome {
  readonly how: "value" | "late" | "aborted" | "ended" | "refused";
  readonly value?: unknown;
}

export interface OnceOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface IdleOptions {
  idleTimeoutInSeconds: number;
  skipSuspend?: boolean;
  onSuspend: () => void;
  onResume: () => void;
}

type Result = { ok: true; output: unknown } | { ok: false; error: Error };

/** The calls that both packages have for tasks. */
interface Input {
  on(handler: (value: unknown) => unknown): { off(): void };
  once(options?: OnceOptions): Promise<Result>;
  peek(): unknown;
  wait(options?: { idempotencyKey?: string }): Promise<Result>;
  waitWithIdleTimeout(options: IdleOptions): Promise<Result>;
}

export interface Side {
  readonly name: SideName;
  /** Does something as the task does it. */
  inside<Value>(stream: string, call: (input: Input) => Value): Value;
  /** The run is over. */
  end(): Promise<void>;
}

/** What nobody outside is shown, as evidence of where it stands. */
interface Insides {
  readonly buffer: Map<string, unknown[]>;
  readonly handlers: Map<string, Set<unknown>>;
  readonly onceWaiters: Map<string, unknown[]>;
}

let current: { manager: StandardInputStreamManager; server: InputServer } | undefined;
const runNow = { id: "" };

/** What its runtime sets up once in a process. */
export function startOfficial(): void {
  configure({ baseURL: "http://theirs.test", accessToken: "tr_dev_test" });
  const manager = new Proxy({} as StandardInputStreamManager, {
    get: (_, name) => {
      const { manager } = current as { manager: StandardInputStreamManager };
      const method = manager[name as keyof StandardInputStreamManager] as unknown as (...given: unknown[]) => unknown;
      return method.bind(manager);
    },
  });
  inputStreams.setGlobalManager(manager);
  taskContext.setGlobalTaskContext({ ctx: { run: runNow }, worker: {} } as never);
  runtime.setGlobalRuntimeManager({
    waitForWaitpoint: async ({ waitpointFriendlyId }: { waitpointFriendlyId: string }) => {
      const answer = await (current as { server: InputServer }).server.result(waitpointFriendlyId);
      const outputType = "application/json";
      if (!answer.ok) return { ok: false, output: JSON.stringify({ message: answer.message }), outputType };
      return { ok: true, output: answer.data, outputType };
    },
  } as never);
}

/** The official package's `streams.input`, with the manager that its workers have. */
export class Theirs implements Side {
  readonly name = "theirs";
  readonly #manager: StandardInputStreamManager;
  readonly #insides: Insides;

  constructor(server: InputServer, runId: string) {
    const baseURL = "http://theirs.test";
    this.#manager = new StandardInputStreamManager(new ApiClient(baseURL, "tr_dev_test"), baseURL);
    this.#insides = this.#manager as unknown as Insides;
    this.#manager.setRunId(runId, "v2");
    runNow.id = runId;
    current = { manager: this.#manager, server };
  }

  inside<Value>(stream: string, call: (input: Input) => Value): Value {
    return call(official.input({ id: stream }) as unknown as Input);
  }

  /** The last record that it has seen, as it says itself. */
  seen(stream: string): number {
    return this.#manager.lastSeqNum(stream) ?? -1;
  }

  buffered(stream: string): unknown[] {
    return [...(this.#insides.buffer.get(stream) ?? [])];
  }

  /** Whether somebody listens or is in line. */
  isWanted(stream: string): boolean {
    const { handlers, onceWaiters } = this.#insides;
    return !!handlers.get(stream)?.size || !!onceWaiters.get(stream)?.length;
  }

  async end(): Promise<void> {
    this.#manager.clearHandlers();
    this.#manager.reset();
  }
}

/** `streams.input` of the package, with a run whose waits the server answers. */
export class Ours implements Side {
  readonly name = "ours";
  readonly #run: FakeRun;

  constructor(server: InputServer, runId: string, namesRecords: boolean) {
    this.#run = new FakeRun({ baseURL: "http://ours.test", secretKey: "tr_dev_test" }, runId);
    this.#run.onWait = async ({ streamId, lastSeqNum, idempotencyKey }) => {
      const answer = await server.result(server.ask("ours", streamId, lastSeqNum, idempotencyKey).id);
      return answer.ok ? { ok: true, data: answer.data, seqNum: namesRecords ? answer.seq : undefined } : answer;
    };
  }

  inside<Value>(stream: string, call: (input: Input) => Value): Value {
    return inRun(this.#run, () => call(own.input<unknown>({ id: stream }) as unknown as Input));
  }

  end(): Promise<void> {
    return this.#run.end();
  }
}

/** In words that both share. */
export async function outcomeOf(promise: Promise<Result>): Promise<Outcome> {
  try {
    const result = await promise;
    if (result.ok) return { how: "value", value: result.output };
    const { name, message, streamId, timeoutMs } = result.error as Error & { streamId?: string; timeoutMs?: number };
    return { how: "late", value: streamId === undefined ? [name, message] : [name, streamId, timeoutMs] };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code === "invalid-options") return { how: "refused" };
    if (message === "Input stream manager reset" || /^Run \S+ has ended/.test(message)) return { how: "ended" };
    if (message === "Aborted" || code === "aborted") return { how: "aborted" };
    throw error;
  }
}
