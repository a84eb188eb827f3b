import { cancelled, messageOf, TidegateError } from "../client/errors.js";
import { decodePacket, encodePacket } from "../client/runs/packets.js";
import type { BackendOptions } from "../server/configuration.js";
import { onAbort } from "../server/on-abort.js";
import { type Failure, internal, thrown, wordsOf } from "./failure.js";
import { type Claim, isGone, type Link } from "./link.js";
import type { Start, WaitEnd } from "./orders.js";
import { type InputWait, type InputWaitResult, inRun, type RunContext, type TokenWaitResult } from "./run-context.js";
import { Stopwatch } from "./stopwatch.js";
import type { ServedTask, TaskContext } from "./task.js";

/** How long what is left to finish at the end of a run may take. */
const FINISH_MS = 60_000;

/** So much of an error's words is told in a line; the run holds it whole. */
const LONGEST_WORDS = 300;

/** Hears of an execution. */
export interface ExecutionListener {
  /** It waits, and takes no slot; or it goes on. */
  changed(): void;
  /** Something that the developer should know. */
  note(line: string): void;
}

/** One execution of a run, from the top. */
export class Execution implements RunContext {
  readonly runId: string;
  readonly parentRunId: string | undefined;
  readonly rootRunId: string | undefined;
  readonly metadata: string | undefined;
  readonly backend: BackendOptions;
  readonly number: number;
  readonly #start: Start;
  readonly #task: ServedTask;
  readonly #link: Link;
  readonly #listener: ExecutionListener;
  readonly #controller = new AbortController();
  readonly #watch: Stopwatch;
  readonly #overtime: Promise<never>;
  /** The ends of earlier waits that this execution has not asked for yet. */
  readonly #past: WaitEnd[];
  readonly #waits = new Map<string, Wait>();
  readonly #beforeSleep: (() => Promise<void>)[] = [];
  readonly #finishers: ((signal: AbortSignal) => Promise<void>)[] = [];
  #hasEnded = false;
  readonly #kept = new Map<symbol, unknown>();
  #isLost = false;

  constructor(start: Start, task: ServedTask, link: Link, listener: ExecutionListener) {
    const { run, execution, waits } = start;
    this.runId = run.id;
    this.parentRunId = run.parentId;
    this.rootRunId = run.rootId;
    this.metadata = start.metadata;
    this.backend = link.backend;
    this.number = execution;
    this.#start = start;
    this.#task = task;
    this.#link = link;
    this.#listener = listener;
    this.#past = [...waits];
    let late = (_: Overtime) => {};
    this.#overtime = new Promise((_, reject) => {
      late = reject;
    });
    this.#overtime.catch(() => {});
    const seconds = run.maxDuration ?? task.maxDuration;
    this.#watch = new Stopwatch(seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1_000, () => {
      const message = `The run took longer than its maxDuration of ${seconds} s.`;
      late(new Overtime(message));
      this.#controller.abort(new DOMException(message, "TimeoutError"));
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether it waits, and for nothing else than what the server tells of. */
  get isSuspended(): boolean {
    return !this.#watch.isRunning && [...this.#waits.values()].some((wait) => wait.isAsleep);
  }

  get claim(): Claim {
    const waits = [...this.#waits].filter(([, { isAsleep }]) => isAsleep).map(([waitpoint]) => waitpoint);
    return { id: this.runId, execution: this.number, waits };
  }

  /** Executes the task, and tells the server what came of it. Never rejects. */
  async run(): Promise<void> {
    this.#watch.run();
    const outcome = await this.#outcome();
    this.#watch.rest();
    this.#forgetWaits(); // which it has not waited for to their end
    await this.#finish();
    if (!this.#isLost) await this.#report(outcome);
  }

  /** A wait has ended. */
  resume(end: WaitEnd): void {
    const wait = this.#waits.get(end.waitpoint);
    if (!wait) return;
    this.#waits.delete(end.waitpoint);
    wait.end(end);
    this.#watch.run();
    this.#listener.changed();
  }

  /** The run is not this one's any more: whatever it still does has no effect on the run. */
  lose(reason: string): void {
    this.#isLost = true;
    this.#watch.rest();
    this.#controller.abort(new DOMException(reason, "AbortError"));
  }

  /** The run goes on elsewhere, from the top, when its wait has ended. Here it never wakes. */
  shelve(): void {
    this.#forgetWaits();
    this.lose("The worker stops.");
  }

  #forgetWaits(): void {
    for (const wait of this.#waits.values()) wait.forget();
    this.#waits.clear();
  }

  waitForInput(wait: InputWait): Promise<InputWaitResult> {
    return tended(this.#waitForInput(wait));
  }

  pastInputs(streamId: string): readonly number[] {
    const ends = this.#past.filter((end) => end.streamId === streamId);
    return ends.flatMap(({ seqNum }) => (seqNum === undefined ? [] : [seqNum]));
  }

  waitForToken(id: string): Promise<TokenWaitResult> {
    return tended(this.#waitForToken(id));
  }

  beforeSleep(finish: () => Promise<void>): void {
    this.#beforeSleep.push(finish);
  }

  atEnd(finish: (signal: AbortSignal) => Promise<void>): boolean {
    if (!this.#hasEnded) this.#finishers.push(finish);
    return !this.#hasEnded;
  }

  keep<Kept>(kind: symbol, make: () => Kept): Kept {
    if (!this.#kept.has(kind)) this.#kept.set(kind, make());
    return this.#kept.get(kind) as Kept;
  }

  async #outcome(): Promise<{ readonly output: unknown } | Failure> {
    const { payload = "", payloadType: type } = this.#start;
    let value: unknown;
    try {
      if (type === "application/store") throw new Error("it lies where this server cannot reach it");
      value = await decodePacket({ data: payload, type });
    } catch (cause) {
      return internal("TASK_INPUT_ERROR", `The payload cannot be read: ${messageOf(cause)}.`);
    }
    try {
      const { signal } = this;
      const call = async () => this.#task.run(value, { ctx: this.#context(), signal });
      return { output: await Promise.race([inRun(this, call), this.#overtime]) };
    } catch (error) {
      return error instanceof Overtime ? internal("MAX_DURATION_EXCEEDED", error.message) : thrown(error);
    }
  }

  readonly #reporting = new AbortController();

  async #report(outcome: { readonly output: unknown } | Failure): Promise<void> {
    const { signal } = this.#reporting;
    const told = { execution: this.number, usageMs: this.#watch.passedMs };
    try {
      if ("error" in outcome) {
        const failure = this.#masked(outcome);
        this.#note(failure);
        await this.#link.report(this.runId, "fail", { ...told, ...failure }, signal);
        return;
      }
      const { data, type } = await encodePacket(outcome.output);
      const output = data === undefined || typeof data === "string" ? data : JSON.stringify(data);
      await this.#link.report(this.runId, "complete", { ...told, output, outputType: type }, signal);
    } catch (error) {
      if (isGone(error) || this.#isLost) return;
      if ("output" in outcome) return this.#report(internal("TASK_OUTPUT_ERROR", messageOf(error)));
      // Only a server that cannot read what it is told gets here: it will find out that nobody has the run.
      this.#listener.note(`${this.#name}: the server did not take the failure: ${messageOf(error)}`);
    }
  }

  /** Ends even the telling of what came of it. */
  forsake(): void {
    this.lose("The worker has stopped.");
    this.#reporting.abort();
  }

  get #name(): string {
    return `${this.#task.id} ${this.runId}`;
  }

  /** Whoever may read the run reads its error. */
  #masked(failure: Failure): Failure {
    const key = this.backend.secretKey;
    return key ? JSON.parse(JSON.stringify(failure).replaceAll(key, "[secret key]")) : failure;
  }

  #note({ error }: Failure): void {
    const line = wordsOf(error).replace(/\s+/g, " ");
    const words = line.length > LONGEST_WORDS ? `${line.slice(0, LONGEST_WORDS)}…` : line;
    this.#listener.note(`${this.#name}: attempt ${this.#start.attempt} failed: ${words}`);
  }

  async #finish(): Promise<void> {
    const time = new AbortController();
    const tooLong = new Promise<never>((_, reject) => {
      const refuse = () => reject(new Error("it took too long"));
      // Whoever is not finished may say first what that means.
      time.signal.addEventListener("abort", () => setTimeout(refuse));
    });
    tooLong.catch(() => {});
    const timer = setTimeout(() => time.abort(), FINISH_MS);
    // One may leave another.
    for (let finish = this.#finishers.shift(); finish; finish = this.#finishers.shift()) {
      try {
        await Promise.race([finish(time.signal), tooLong]);
      } catch (error) {
        if (!this.#isLost) this.#listener.note(`${this.#name}: not all was finished at its end: ${messageOf(error)}`);
      }
    }
    this.#hasEnded = true;
    clearTimeout(timer);
  }

  #context(): TaskContext {
    const { run, attempt } = this.#start;
    return {
      task: { id: this.#task.id },
      attempt: { number: attempt },
      run: {
        id: run.id,
        tags: [...run.tags],
        isTest: run.isTest,
        createdAt: new Date(run.createdAt),
        startedAt: new Date(run.startedAt ?? run.createdAt),
        parentId: run.parentId,
        rootId: run.rootId,
      },
    };
  }

  async #waitForInput(wait: InputWait): Promise<InputWaitResult> {
    const end = this.#pastInput(wait) ?? (await this.#sleep(await this.#makeInputWait(wait)));
    return end.ok ? { ok: true, data: end.output, seqNum: end.seqNum } : { ok: false, message: timeoutIn(end) };
  }

  #makeInputWait(wait: InputWait): Promise<string> {
    return this.#link.makeInputWait(this.runId, this.number, wait, this.signal).catch((error) => this.#stop(error));
  }

  async #waitForToken(id: string): Promise<TokenWaitResult> {
    const at = this.#past.findIndex(({ waitpoint }) => waitpoint === id);
    const end = at < 0 ? await this.#sleep(id) : this.#past.splice(at, 1)[0];
    if (!end?.ok) return { ok: false, message: timeoutIn(end) };
    return { ok: true, output: await decodePacket({ data: end.output ?? "", type: end.outputType }) };
  }

  /** The next end of an earlier wait for this stream, but for those with a record that the task has had in another way. */
  #pastInput({ streamId, lastSeqNum = -1 }: InputWait): WaitEnd | undefined {
    for (;;) {
      const at = this.#past.findIndex((end) => end.streamId === streamId);
      const end = at < 0 ? undefined : this.#past.splice(at, 1)[0];
      if (!end || (end.seqNum ?? Number.POSITIVE_INFINITY) > lastSeqNum) return end;
    }
  }

  async #sleep(waitpoint: string): Promise<WaitEnd> {
    if (this.signal.aborted) throw cancelled("run");
    const wait = new Wait(this.signal);
    // Before the server is asked: its word that the wait has ended may come before its answer.
    this.#waits.set(waitpoint, wait);
    try {
      await Promise.race([Promise.allSettled(this.#beforeSleep.map((finish) => finish())), wait.ended]);
      const end = await this.#link.suspend(this.runId, this.number, waitpoint, this.signal);
      if (end) wait.end(end);
      else if (wait.sleep()) {
        this.#watch.rest();
        this.#listener.changed();
      }
    } catch (error) {
      wait.forget();
      this.#waits.delete(waitpoint);
      return this.#stop(error);
    }
    const end = await wait.ended;
    if (this.#waits.get(waitpoint) === wait) this.#waits.delete(waitpoint);
    return end;
  }

  /** What cannot be waited for: because the run is not this one's any more, or for a reason that the task is told. */
  #stop(error: unknown): never {
    if (error instanceof TidegateError && error.status === 410) {
      this.lose("The run is executed elsewhere, or has ended.");
      throw cancelled("run");
    }
    throw error;
  }
}

class Overtime extends Error {}

class Wait {
  readonly ended: Promise<WaitEnd>;
  isAsleep = false;
  #isOver = false;
  #settle = (_: WaitEnd) => {};

  constructor(signal: AbortSignal) {
    this.ended = new Promise((settle, reject) => {
      this.forget = onAbort(signal, () => reject(cancelled("run")));
      this.#settle = settle;
    });
    this.ended.catch(() => {});
  }

  /** It never settles, whatever becomes of the run. */
  forget = () => {};

  end(end: WaitEnd): void {
    this.#isOver = true;
    this.isAsleep = false;
    this.forget();
    this.#settle(end);
  }

  /** `false` when it has ended first. */
  sleep(): boolean {
    this.isAsleep = !this.#isOver;
    return this.isAsleep;
  }
}

/** A promise that nobody has to listen to. */
function tended<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function timeoutIn(end: WaitEnd | undefined): string {
  try {
    const { message } = JSON.parse(end?.output ?? "");
    if (typeof message === "string") return message;
  } catch {}
  return "The time of the wait was out";
}
