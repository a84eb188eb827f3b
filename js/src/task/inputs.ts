import type { Principal, StopReading, StreamListener, StreamUpdate } from "../client/entries.js";
import { messageOf, TidegateError } from "../client/errors.js";
import { type EventPump, pagePump } from "../client/event-pump.js";
import { toIdentity } from "../server/configuration.js";
import { onAbort } from "../server/on-abort.js";
import { after } from "../server/pause.js";
import { createInputs } from "../wasm/task-core.js";
import { type InputsMachine, InputsStep, Woken } from "../wasm/task-interface.js";
import { type InputWait, type InputWaitResult, inRun, type RunContext } from "./run-context.js";

/** Longer than a server keeps a silent connection on its own account. */
const WINDOW_SECONDS = 600;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** So much silence at the end of a log that is searched says that there is nothing more in it. */
const SEARCH_MS = 2_000;

/** What a wait asks for besides its place. */
export type WaitOptions = Pick<InputWait, "timeout" | "idempotencyKey" | "idempotencyKeyTTL" | "tags">;

/** A record's value. */
type Value = unknown;

/** Somebody who hears every record. */
export interface Listener {
  hear(value: Value): unknown;
  /** What hearing one came to. Default: it is told in the console. */
  fail?: ((error: unknown, value: Value) => void) | undefined;
}

interface Listening extends Listener {
  /** Lets go of its signal. */
  forget(): void;
}

/** Somebody in the line of a stream. */
interface Taker {
  give(value: Value): void;
  fail(error: unknown): void;
  /** The wait has ended without a record. */
  timeOut?(message: string): void;
  readonly wait?: WaitOptions;
  /** The record that the last question was answered with, though it had been taken. */
  stale?: number;
}

interface Stream {
  readonly id: string;
  readonly number: number;
  readonly values: Map<number, Value>;
  readonly listeners: Map<number, Listening>;
  readonly takers: Map<number, Taker>;
  /** Answers of waits without a number: they are in the log as well. */
  readonly answers: string[];
  stop: StopReading | undefined;
  /** The last record that was read. */
  cursor: number | undefined;
  /** No more of it is wanted for now. */
  held: boolean;
  failures: number;
  cancelTimers: (() => void)[];
}

/** What a handle on the line is good for. */
export interface Place {
  /** Gives it up. False: a record has been given already. */
  leave(): boolean;
}

const KIND = Symbol("inputs");

/** The inputs of a run: what all of its input streams share. */
export const inputsOf = (run: RunContext): RunInputs => run.keep(KIND, () => new RunInputs(run));

/** Drives the machine of a run: reads the logs it wants, hands out what it says. */
export class RunInputs {
  readonly #run: RunContext;
  readonly #pump: EventPump;
  readonly #principal: Principal;
  readonly #token: string;
  readonly #machine: InputsMachine = createInputs();
  readonly #streams: Stream[] = [];
  #draining = false;
  #ended: TidegateError | undefined;

  constructor(run: RunContext, pump: EventPump = pagePump()) {
    const { endpoint, token } = toIdentity(run.backend);
    this.#run = run;
    this.#token = token;
    this.#pump = pump;
    this.#principal = pump.openPrincipal(endpoint, token);
    const end = () => this.#end();
    const forget = onAbort(run.signal, end);
    const isUnderWay = run.atEnd(async () => {
      forget();
      end();
    });
    if (!isUnderWay || run.signal.aborted) end();
  }

  /** Tells the listener every record, first those that wait, until the signal comes or what is returned is called. */
  on(id: string, listener: Listener, signal?: AbortSignal): () => void {
    if (this.#ended || signal?.aborted) return () => {};
    const stream = this.#stream(id);
    const number = this.#machine.on(stream.number);
    const off = () => {
      forget();
      if (!stream.listeners.delete(number)) return;
      this.#machine.off(stream.number, number);
      this.#drain();
    };
    const forget = onAbort(signal, off);
    stream.listeners.set(number, { ...listener, forget });
    this.#drain();
    return off;
  }

  /** Stands in line for one record: awake, or with `wait` asleep if there is none. */
  take(id: string, taker: Taker): Place {
    if (this.#ended) {
      taker.fail(this.#ended);
      return { leave: () => false };
    }
    const stream = this.#stream(id);
    const number = this.#machine.take(stream.number, !!taker.wait);
    stream.takers.set(number, taker);
    this.#drain();
    return {
      leave: () => {
        if (!stream.takers.delete(number)) return false;
        this.#machine.cancel(stream.number, number);
        this.#drain();
        return true;
      },
    };
  }

  /** The record that would be taken next. */
  peek(id: string): Value {
    const stream = this.#streams.find((known) => known.id === id);
    if (!stream || this.#ended) return undefined;
    const seq = this.#machine.peek(stream.number);
    return seq === undefined ? undefined : stream.values.get(seq);
  }

  #stream(id: string): Stream {
    let stream = this.#streams.find((known) => known.id === id);
    if (!stream) {
      stream = {
        id,
        number: this.#streams.length,
        values: new Map(),
        listeners: new Map(),
        takers: new Map(),
        answers: [],
        stop: undefined,
        cursor: undefined,
        held: false,
        failures: 0,
        cancelTimers: [],
      };
      this.#streams.push(stream);
      for (const seq of this.#run.pastInputs(id)) this.#machine.reserve(stream.number, seq);
    }
    return stream;
  }

  /** A handler that calls in again adds to the drain under way. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      while (!this.#ended) {
        const [step, number, who = 0, seq = -1] = this.#machine.poll() ?? [];
        const stream = this.#streams[number ?? -1];
        if (!stream) break;
        this.#do(step as number, stream, who, seq);
      }
    } finally {
      this.#draining = false;
    }
  }

  #do(step: number, stream: Stream, who: number, seq: number): void {
    switch (step) {
      case InputsStep.open:
        stream.cursor = seq < 0 ? undefined : seq;
        stream.held = false;
        this.#read(stream);
        break;
      case InputsStep.close:
        this.#close(stream);
        break;
      case InputsStep.setReading:
        stream.held = who === 0;
        stream.stop?.setReading?.(!stream.held);
        break;
      case InputsStep.give: {
        const taker = stream.takers.get(who);
        stream.takers.delete(who);
        taker?.give(stream.values.get(seq));
        break;
      }
      case InputsStep.tell:
        this.#tell(stream, stream.listeners.get(who), stream.values.get(seq));
        break;
      case InputsStep.drop:
        stream.values.delete(seq);
        break;
      case InputsStep.sleep:
        void this.#sleep(stream, who, seq < 0 ? undefined : seq);
        break;
      case InputsStep.rest:
        // Until then every promise has been followed.
        setImmediate(() => {
          if (this.#ended) return;
          this.#machine.goOn(stream.number);
          this.#drain();
        });
    }
  }

  /** What a handler throws is the task's affair, and stops nobody else. */
  #tell(stream: Stream, listener: Listener | undefined, value: Value): void {
    const report = (error: unknown) => this.#report(`A handler of the input stream "${stream.id}" failed:`, error);
    const call = (what: () => unknown, fail: (error: unknown) => void) => {
      try {
        const done = inRun(this.#run, what);
        if (typeof Object(done).then === "function") Promise.resolve(done).catch(fail);
      } catch (error) {
        fail(error);
      }
    };
    const fail = (error: unknown) => call(() => (listener?.fail ?? report)(error, value), report);
    call(() => listener?.hear(value), fail);
  }

  #report(sentence: string, error: unknown): void {
    console.error(`Tidegate: run ${this.#run.runId}: ${sentence}`, error);
  }

  // The log

  #read(stream: Stream): void {
    const listener: StreamListener = {
      parts: (parts, lastEventId, size = 0) => {
        const last = sequence(lastEventId);
        parts.forEach((part, index) => {
          this.#receive(stream, last - (parts.length - 1 - index), part, size / parts.length);
        });
      },
      unreadable: ({ id, reason }) => {
        this.#report(`Record ${id} of the input stream "${stream.id}" was skipped.`, reason);
        if (this.#ended || !stream.stop) return;
        this.#machine.skip(stream.number, sequence(id));
        stream.cursor = sequence(id);
        this.#drain();
      },
      changed: (update) => this.#change(stream, update),
    };
    stream.stop = this.#pump.subscribe({
      principal: this.#principal,
      runId: this.#run.runId,
      key: `input/${stream.id}`,
      lastEventId: stream.cursor === undefined ? undefined : String(stream.cursor),
      timeoutInSeconds: WINDOW_SECONDS,
      listener,
    });
    if (stream.held) stream.stop.setReading?.(false);
    this.#watchSearch(stream);
  }

  #close(stream: Stream): void {
    for (const cancel of stream.cancelTimers.splice(0)) cancel();
    stream.stop?.();
    stream.stop = undefined;
  }

  #receive(stream: Stream, seq: number, part: unknown, size: number): void {
    if (this.#ended || !stream.stop) return;
    if (!Number.isSafeInteger(seq)) {
      const words = "The run keeps its streams the old way (v1), in which it has no input streams. Trigger it anew.";
      const error = new TidegateError(words, { code: "protocol", retryable: false });
      for (const [number, taker] of [...stream.takers]) this.#fail(stream, number, taker, error);
      this.#report(`The input stream "${stream.id}" cannot be read:`, error);
      this.#close(stream);
      return;
    }
    stream.failures = 0;
    stream.cursor = seq;
    const value = readValue(part);
    const answer = stream.answers.length > 0 ? stream.answers.indexOf(textOf(value)) : -1;
    const arrival = this.#machine.receive(stream.number, seq, Math.ceil(size), answer >= 0);
    if (arrival === 1) stream.values.set(seq, value);
    if (arrival === 2) stream.answers.splice(answer, 1);
    this.#watchSearch(stream);
    this.#drain();
  }

  /** A refusal need not be the last word on a task that goes on: the log is asked for again, less and less often. */
  #change(stream: Stream, { status, error }: StreamUpdate): void {
    if (this.#ended || !stream.stop || status !== "failed") return;
    this.#close(stream);
    this.#report(`The input stream "${stream.id}" cannot be read for now:`, error);
    const longest = Math.min(FIRST_RETRY_MS * 2 ** stream.failures, LONGEST_RETRY_MS);
    stream.failures += 1;
    let stopped = false;
    const cancel = after(longest * (0.5 + Math.random() / 2), () => {
      if (stopped) return;
      // A token that was refused is not asked with again by itself.
      this.#pump.setToken(this.#principal, this.#token);
      this.#read(stream);
    });
    stream.stop = () => {
      stopped = true;
      cancel();
    };
  }

  /** Where a record is looked for, the end of the log is where nothing comes for a while. */
  #watchSearch(stream: Stream): void {
    if (!this.#machine.searching(stream.number)) return;
    for (const cancel of stream.cancelTimers.splice(0)) cancel();
    const giveUp = () => {
      stream.answers.length = 0;
      this.#machine.giveUpSearch(stream.number);
      this.#drain();
    };
    stream.cancelTimers.push(after(SEARCH_MS, giveUp));
  }

  // Sleep

  async #sleep(stream: Stream, number: number, lastSeqNum: number | undefined): Promise<void> {
    const taker = stream.takers.get(number);
    if (!taker?.wait) return;
    const { timeout, idempotencyKey, idempotencyKeyTTL, tags } = taker.wait;
    const wait = { streamId: stream.id, timeout, idempotencyKey, idempotencyKeyTTL, tags, lastSeqNum };
    let result: InputWaitResult;
    try {
      result = await inRun(this.#run, () => this.#run.waitForInput(wait));
    } catch (error) {
      if (this.#ended || !stream.takers.has(number)) return;
      this.#fail(stream, number, taker, error);
      this.#drain();
      return;
    }
    if (this.#ended || !stream.takers.has(number)) return;
    if (this.#wake(stream, number, taker, result)) {
      stream.takers.delete(number);
      if (result.ok) this.#answer(taker, result.data);
      else taker.timeOut?.(result.message);
    }
    this.#drain();
  }

  /** False: the answer was of a record that had been taken, and the question stands. */
  #wake(stream: Stream, number: number, taker: Taker, result: InputWaitResult): boolean {
    const { how, seq } = howOf(result, !!taker.wait?.idempotencyKey);
    const accepted = this.#machine.wake(stream.number, number, how, seq);
    if (result.ok && how === Woken.unnamed) stream.answers.push(textOf(readValue(result.data ?? null)));
    if (accepted) return true;
    const isRepeated = taker.stale === seq;
    taker.stale = seq;
    if (isRepeated) {
      const words = `The server answers a wait for the input stream "${stream.id}" with record ${seq} again and again, which this run has had.`;
      this.#fail(stream, number, taker, new TidegateError(words, { code: "protocol", retryable: false }));
    }
    return false;
  }

  #answer(taker: Taker, data: string | undefined): void {
    taker.give(data === undefined ? undefined : readValue(data));
  }

  #fail(stream: Stream, number: number, taker: Taker, error: unknown): void {
    stream.takers.delete(number);
    this.#machine.cancel(stream.number, number);
    taker.fail(error);
  }

  #end(): void {
    if (this.#ended) return;
    const words = `Run ${this.#run.runId} has ended or was cancelled, so nothing more comes to it.`;
    this.#ended = new TidegateError(words, { code: "aborted", retryable: false, cause: this.#run.signal.reason });
    for (const stream of this.#streams) {
      this.#close(stream);
      for (const taker of stream.takers.values()) taker.fail(this.#ended);
      for (const listener of stream.listeners.values()) listener.forget();
      stream.listeners.clear();
      stream.takers.clear();
      stream.values.clear();
    }
    this.#pump.release(this.#principal);
    // What is being polled must not be freed under it.
    queueMicrotask(() => this.#machine.free());
  }
}

function howOf(result: InputWaitResult, keyed: boolean): { how: Woken; seq: number } {
  if (!result.ok) return { how: Woken.empty, seq: 0 };
  if (result.seqNum === undefined) return { how: Woken.unnamed, seq: 0 };
  return { how: keyed ? Woken.keyed : Woken.by, seq: result.seqNum };
}

/** v2 streams number their records; the ids of the others are no numbers. */
const sequence = (id: string): number => (/^\d+$/.test(id) ? Number(id) : Number.NaN);

/** What a send holds is a text of JSON, and a text by itself is what it says. Without data there is none. */
function readValue(part: unknown): unknown {
  if (part === null) return undefined;
  if (typeof part !== "string") return part;
  try {
    return JSON.parse(part);
  } catch {
    return part;
  }
}

/** To compare values by. */
function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch (cause) {
    return messageOf(cause);
  }
}
