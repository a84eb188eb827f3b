import { invalidOptions, type TidegateError } from "../client/errors.js";
import { attempt, headersOf } from "../server/attempt.js";
import { type Identity, toIdentity } from "../server/configuration.js";
import { toError, waitOf } from "../server/failure.js";
import type { Problem } from "../wasm/interface.js";
import {
  type MetadataKind,
  type MetadataMachine,
  MetadataStep,
  type MetadataTarget,
} from "../wasm/metadata-interface.js";
import { createMetadata } from "../wasm/task-core.js";
import { afterEnd, GONE, superseded } from "./failure.js";
import type { RunContext } from "./run-context.js";

const INTERVAL_MS = 1_000;
/** Where the clocks of server and worker differ, a time at which to ask again may seem to be hours away. */
const LONGEST_WISH_MS = 60_000;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** The metadata of one run, with the requests and the timer that they take. */
export class RunMetadata {
  readonly #machine: MetadataMachine;
  readonly #identity: Identity;
  readonly #url: string;
  readonly #execution: number | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;
  #isGathering = false;

  constructor(run: RunContext) {
    this.#identity = toIdentity(run.backend);
    this.#url = `${this.#identity.endpoint.baseURL}/api/v1/runs/${encodeURIComponent(run.runId)}/metadata`;
    this.#execution = run.number;
    const above = new Set([run.parentRunId, run.rootRunId].filter(Boolean)).size;
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    this.#machine = createMetadata(run.metadata ?? "", above, intervalMs(), seed);
    run.beforeSleep(() => this.flush());
    if (!run.atEnd(() => this.#end())) this.#close();
  }

  /** Throws a TidegateError where the operation is refused; nothing has changed then. */
  apply(target: MetadataTarget, kind: MetadataKind, key: string, value: string): void {
    if (typeof key !== "string") throw invalidOptions("A metadata key must be a string.");
    this.#refuseAfterEnd();
    const problem = this.#machine.apply(performance.now(), target, kind, key, value);
    if (problem) throw this.#toError(problem);
    // What is changed in one go leaves in one request, and so is written whole or not at all.
    if (!this.#isGathering) queueMicrotask(() => this.#advance());
    this.#isGathering = true;
  }

  document(): Record<string, unknown> {
    return JSON.parse(this.#hasEnded ? "{}" : this.#machine.document());
  }

  member(key: string): unknown {
    const json = this.#hasEnded ? "" : this.#machine.member(key);
    return json ? JSON.parse(json) : undefined;
  }

  /** Resolves when everything queued so far is written. Rejects with a TidegateError when that has failed; what may be tried again stays. */
  flush(): Promise<void> {
    return this.#ask((now) => this.#machine.flush(now));
  }

  /** Reads the document as the server has it. */
  refresh(): Promise<void> {
    return this.#ask((now) => this.#machine.refresh(now));
  }

  async #ask(begin: (now: number) => number): Promise<void> {
    this.#refuseAfterEnd();
    const asked = new Promise<void>((resolve, reject) => {
      this.#waiting.set(begin(performance.now()), { resolve, reject });
    });
    this.#advance();
    await asked;
  }

  #refuseAfterEnd(): void {
    if (this.#hasEnded) throw afterEnd("its metadata with it. Await what changes or reads them");
  }

  async #end(): Promise<void> {
    await this.flush().catch((error) => {
      console.error(`Tidegate: metadata of a run could not be written before its end. ${error.message}`);
    });
    this.#close();
  }

  #close(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#machine.free();
  }

  /** Does what the machine wants, until it wants nothing more for now. */
  #advance(): void {
    this.#isGathering = false;
    if (this.#hasEnded) return;
    clearTimeout(this.#timer);
    const machine = this.#machine;
    for (;;) {
      const step = machine.poll(performance.now());
      if (step === MetadataStep.idle) break;
      if (step === MetadataStep.write) void this.#request(machine.first(), machine.second());
      else if (step === MetadataStep.read) void this.#request();
      else if (step === MetadataStep.settled) this.#settle(machine.number(), machine.first());
      else this.#tell(step, machine.number(), machine.first());
    }
    const due = machine.due();
    if (due >= 0) this.#timer = setTimeout(() => this.#advance(), Math.max(due - performance.now(), 1));
  }

  #settle(number: number, problem: string): void {
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    if (problem) waiting?.reject(this.#toError(problem));
    else waiting?.resolve();
  }

  #tell(step: number, count: number, problem: string): void {
    const { message, code } = this.#toError(problem);
    // What an execution does that does not count any more is nobody's loss.
    if (code === "aborted") return;
    const operations = count === 1 ? "1 operation on metadata" : `${count} operations on metadata`;
    if (count === 0) console.error(`Tidegate: metadata are kept, and written later. ${message}`);
    else if (step === MetadataStep.refused) console.error(`Tidegate: the server refused ${operations}. ${message}`);
    else
      console.warn(
        `Tidegate: the answer to ${operations} was lost. They may or may not have been carried out, and are not made again. ${message}`,
      );
  }

  async #request(key?: string, body?: string): Promise<void> {
    const headers = {
      ...headersOf(this.#identity),
      ...(key && {
        "content-type": "application/json",
        "x-trigger-request-idempotency-key": key,
        ...(this.#execution !== undefined && { "x-tidegate-execution": String(this.#execution) }),
      }),
    };
    const method = key ? "PUT" : "GET";
    const { status, headers: told, text = "" } = await attempt({ url: this.#url, method, headers, body });
    if (this.#hasEnded) return;
    if (status && told) {
      const dropsRepeats = told.get("x-tidegate-idempotent") === "1";
      const afterMs = Math.min(waitOf(told), LONGEST_WISH_MS);
      this.#machine.answered(performance.now(), status, afterMs, dropsRepeats, text);
    } else this.#machine.lost(performance.now());
    this.#advance();
  }

  #toError(json: string): TidegateError {
    const problem: Problem = { ...JSON.parse(json), subject: "run" };
    if (problem.status === GONE) return superseded();
    const failure = { problem, afterMs: 0, again: false, doubtful: false };
    const { endpoint, token } = this.#identity;
    return toError(failure, "rejected", { baseURL: endpoint.baseURL, key: token });
  }
}

/** How long an operation waits for others: `TRIGGER_RUN_METADATA_FLUSH_INTERVAL`, in milliseconds. */
function intervalMs(): number {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  try {
    const given = Number(process?.env?.TRIGGER_RUN_METADATA_FLUSH_INTERVAL);
    return given > 0 ? given : INTERVAL_MS;
  } catch {
    return INTERVAL_MS; // Deno without the permission to look
  }
}
