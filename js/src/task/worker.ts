import { messageOf, type TidegateError } from "../client/errors.js";
import { backoffMs, pause } from "../server/pause.js";
import { Execution } from "./execution.js";
import { type Link, LONGEST_PAUSE_MS, type Session } from "./link.js";
import type { Order, Start } from "./orders.js";
import type { ServedTask } from "./task.js";

/** What a worker is made of. */
export interface WorkerOptions {
  readonly tasks: ReadonlyMap<string, ServedTask>;
  readonly concurrency: number;
  readonly stopTimeoutMs: number;
  readonly log: (line: string) => void;
}

/** Takes orders from the server, and executes runs, several at once. */
export class Worker {
  readonly #link: Link;
  readonly #options: WorkerOptions;
  readonly #runs = new Map<string, Execution>();
  readonly #stopped = new AbortController();
  #session: Session | undefined;
  #connecting: Promise<void> | undefined;
  #seen = 0;
  /** Takes nothing new. */
  #isLeaving = false;
  /** The server knows that, and has taken back what waits. */
  #hasLeft = false;
  #poll = new AbortController();
  #rest: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(link: Link, options: WorkerOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** Connects, and takes orders from then on. Rejects when there is no server to take them from. */
  async start(): Promise<void> {
    await this.#connect();
    if (this.#isLeaving) return;
    const { tasks, concurrency, log } = this.#options;
    log(`serving ${[...tasks.keys()].join(", ")} for ${this.#link.baseURL}, ${concurrency} at once`);
    void this.#takeOrders();
  }

  /** Lets what executes come to its end, for a while, and gives the rest back. Never rejects. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#isLeaving = true;
    this.#poll.abort();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLong = new Promise<void>((settle) => {
      timer = setTimeout(settle, this.#options.stopTimeoutMs);
    });
    const atRest = new Promise<void>((settle) => {
      this.#rest = settle;
    });
    // A connection that is being made is waited for, so that the server can be told that nobody is there.
    await Promise.race([this.#connecting, tooLong]);
    this.#changed();
    await Promise.race([atRest, tooLong]);
    clearTimeout(timer);
    const given = [...this.#runs.values()].filter((run) => !run.isSuspended);
    this.#stopped.abort();
    this.#poll.abort();
    for (const run of this.#runs.values()) run.shelve();
    this.#runs.clear();
    try {
      if (this.#session) await this.#link.leave(this.#session);
    } catch (error) {
      this.#log(`the server was not told: ${messageOf(error)} It finds out by itself`);
    }
    for (const run of given) run.forsake();
    this.#log(given.length > 0 ? `stopped, and gave ${given.length} runs back that had not ended` : "stopped");
  }

  async #takeOrders(): Promise<void> {
    let [failures, isAway] = [0, false];
    while (!this.#stopped.signal.aborted) {
      try {
        if (!this.#session) await this.#connect();
        await this.#takeNext();
        if (isAway) this.#log("the server answers again");
        [failures, isAway] = [0, false];
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        const { status, code } = error as TidegateError;
        if (status === 410 || status === 404) this.#session = undefined;
        if (code === "aborted") continue;
        failures += 1;
        // A server that has been started anew knows nobody, and does once it has been told.
        if (status === 410 && failures === 1) continue;
        if (!isAway) this.#log(`${messageOf(error)} Trying again`);
        isAway = true;
        await pause(backoffMs(failures, LONGEST_PAUSE_MS), this.#stopped.signal);
      }
    }
  }

  async #takeNext(): Promise<void> {
    const session = this.#session as Session;
    const isLeaving = this.#isLeaving;
    this.#poll = new AbortController();
    const orders = await this.#link.poll(session, this.#seen, isLeaving, this.#poll.signal);
    if (this.#stopped.signal.aborted) return;
    for (const order of orders) {
      if (order.seq <= this.#seen) continue;
      this.#seen = order.seq;
      this.#carryOut(order);
    }
    if (isLeaving) {
      this.#hasLeft = true;
      this.#changed();
    }
  }

  #connect(): Promise<void> {
    const connected = this.#tryToConnect();
    this.#connecting = connected.catch(() => {});
    return connected;
  }

  async #tryToConnect(): Promise<void> {
    const { tasks, concurrency } = this.#options;
    const offer = { tasks: [...tasks.values()].map(({ id, retry }) => ({ id, retry })), concurrency };
    const held = [...this.#runs.values()];
    const session = await this.#link.connect(
      offer,
      held.map(({ claim }) => claim),
      this.#stopped.signal,
    );
    [this.#session, this.#seen, this.#hasLeft] = [session, 0, false];
    const kept = new Set(session.runs);
    for (const run of held) if (!kept.has(run.runId)) this.#drop(run, "The run is executed elsewhere, or has ended.");
  }

  #carryOut(order: Order): void {
    if (order.kind === "start") {
      this.#execute(order);
      return;
    }
    const run = this.#runs.get(order.run);
    if (run?.number !== order.execution) return;
    if (order.kind === "resume") run.resume(order.wait);
    else this.#drop(run, "The run was cancelled.");
  }

  #execute(start: Start): void {
    const before = this.#runs.get(start.run.id);
    if (before?.number === start.execution) return;
    if (before) this.#drop(before, "The run is executed anew.");
    const task = this.#options.tasks.get(start.run.task);
    if (!task) return;
    const run = new Execution(start, task, this.#link, {
      changed: () => this.#changed(),
      note: (line) => this.#log(line),
    });
    this.#runs.set(run.runId, run);
    void run.run().then(() => {
      if (this.#runs.get(run.runId) === run) this.#runs.delete(run.runId);
      this.#changed();
    });
  }

  #drop(run: Execution, reason: string): void {
    if (this.#runs.get(run.runId) === run) this.#runs.delete(run.runId);
    run.lose(reason);
    this.#changed();
  }

  /** What waits here is the server's when this worker leaves; when nothing else is left, it may end. */
  #changed(): void {
    if (!this.#isLeaving) return;
    if (this.#hasLeft) {
      for (const run of [...this.#runs.values()].filter(({ isSuspended }) => isSuspended)) {
        this.#runs.delete(run.runId);
        run.shelve();
      }
    }
    if ([...this.#runs.values()].every(({ isSuspended }) => isSuspended)) this.#rest?.();
  }

  #log(line: string): void {
    this.#options.log(line);
  }
}
