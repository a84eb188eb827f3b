import type { EndReason, StreamStatus } from "../../wasm/interface.js";
import type { StreamUpdate } from "../entries.js";
import { cancelled, type TidegateError } from "../errors.js";
import type { RunsListener } from "./follow-runs.js";
import type { RealtimeRun } from "./run.js";
import { STORED } from "./stored.js";
import type { AnyTask } from "./task-types.js";

interface Taker<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

/**
 * Runs as they change, for one `for await` loop. To a loop that is slow only the newest state of each run is given: states between may
 * be left out, the last one never is. The loop ends when the feed has ended or is closed, and throws a {@link TidegateError} when it
 * failed for good.
 */
export class RunFeed<TTask extends AnyTask = AnyTask> implements AsyncIterableIterator<RealtimeRun<TTask>> {
  #status: StreamStatus = "connecting";
  #endReason: EndReason | undefined;
  #error: TidegateError | undefined;
  #runs: readonly RealtimeRun<TTask>[] = [];
  /** What has not been taken, by the run's id. */
  readonly #fresh = new Map<string, RealtimeRun<TTask>>();
  readonly #waiting: Taker<RealtimeRun<TTask>>[] = [];
  readonly #unfollow: () => void;
  readonly #loads: boolean;

  /** @internal */
  constructor(follow: (listener: RunsListener) => () => void, loads = true) {
    this.#loads = loads;
    this.#unfollow = follow({
      changed: (update) => this.#change(update),
      runs: (all, changed) => {
        this.#runs = all as readonly RealtimeRun<TTask>[];
        for (const run of changed) this.#fresh.set(run.id, run as RealtimeRun<TTask>);
        this.#give();
      },
    });
  }

  /** Where the feed stands. */
  get status(): StreamStatus {
    return this.#status;
  }

  /** Why the feed is over, once it is. */
  get endReason(): EndReason | undefined {
    return this.#endReason;
  }

  /** Every run of the feed as it was last told, in the order in which they first came. */
  get runs(): readonly RealtimeRun<TTask>[] {
    return this.#runs;
  }

  /** Stops following. What has already arrived can still be taken. */
  close(): void {
    this.#unfollow();
    if (this.#status !== "failed") this.#finish("ended", this.#endReason ?? "stopped");
  }

  /** The next state of a run, as soon as there is one. */
  next(): Promise<IteratorResult<RealtimeRun<TTask>>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#give();
    });
  }

  /** Stops following: what `break` in a loop calls. */
  return(): Promise<IteratorResult<RealtimeRun<TTask>>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Itself: there is one loop over it. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * For the feed of one run, in place of a loop: resolves with the run as soon as it has finished and its output is there (unless that
   * is loaded on demand), and stops following. Rejects with a {@link TidegateError} if the feed fails, or is closed before.
   */
  async finished(): Promise<RealtimeRun<TTask>> {
    for await (const run of this) if (run.finishedAt && !(this.#loads && isOnItsWay(run))) return run;
    // An output that could not be fetched.
    const [run] = this.#runs;
    if (!run?.finishedAt) throw cancelled("feed");
    return run;
  }

  #give(): void {
    const isOver = this.#status === "ended" || this.#status === "failed";
    for (const [id, run] of this.#fresh) {
      const taker = this.#waiting.shift();
      if (!taker) return;
      this.#fresh.delete(id);
      taker.resolve({ done: false, value: run });
    }
    if (!isOver) return;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (this.#status === "failed") reject(this.#error);
      else resolve({ done: true, value: undefined });
    }
  }

  #change({ status, endReason, error }: StreamUpdate): void {
    this.#error = error;
    if (status === "ended" || status === "failed") this.#finish(status, endReason);
    else this.#status = status;
  }

  #finish(status: "ended" | "failed", endReason: EndReason | undefined): void {
    this.#status = status;
    this.#endReason = endReason;
    queueMicrotask(() => this.#unfollow());
    this.#give();
  }
}

/** Whether its output lies in the object store, and has not been fetched. */
function isOnItsWay({ columns, output }: RealtimeRun): boolean {
  return columns.outputType === STORED && output === undefined;
}
