import { invalidOptions } from "../client/errors.js";
import { checkName } from "../client/options.js";
import { configuration, toIdentity } from "../server/configuration.js";
import { afterEnd } from "./failure.js";
import { OutputLog } from "./output-log.js";
import { currentRun, type RunContext } from "./run-context.js";

/** Whose stream it is: this run's, its parent's, that of the first of its line, or that of the run with this id. */
export type StreamTarget = "self" | "parent" | "root" | (string & {});

/** Where something is written, by whom. */
export interface Output {
  readonly log: OutputLog;
  readonly signal: AbortSignal | undefined;
  /** The end of the run waits for it, and it counts as looked at: whoever wants to know waits for it. */
  hold<Result>(writing: Promise<Result>): Promise<Result>;
}

const KIND = Symbol("outputs");

/** What a run writes: a log for each stream, and what has to be finished before the run's end is told. */
class RunOutputs {
  readonly #run: RunContext;
  readonly #logs = new Map<string, OutputLog>();
  readonly #open = new Set<Promise<unknown>>();
  /** The end of the run waits for what is written. */
  #isAwaited = false;
  /** There is no more time to wait. */
  #isOver = false;

  constructor(run: RunContext) {
    this.#run = run;
  }

  output(runId: string, key: string): Output {
    // What is written while others finish is finished behind them.
    this.#isAwaited ||= !this.#isOver && this.#run.atEnd((signal) => this.#finish(signal));
    if (!this.#isAwaited) throw afterEnd("nothing more is written for it. Await what writes");
    const name = JSON.stringify([runId, key]);
    let log = this.#logs.get(name);
    if (!log) {
      log = new OutputLog(toIdentity(this.#run.backend), runId, key, this.#run);
      this.#logs.set(name, log);
    }
    return { log, signal: this.#run.signal, hold: (writing) => this.#hold(writing) };
  }

  #hold<Result>(writing: Promise<Result>): Promise<Result> {
    this.#open.add(writing);
    return tended(writing, () => this.#open.delete(writing));
  }

  async #finish(signal: AbortSignal): Promise<void> {
    const late = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    while (this.#open.size > 0 && !signal.aborted) await Promise.race([Promise.allSettled(this.#open), late]);
    this.#isAwaited = false;
    if (this.#open.size === 0) return;
    this.#isOver = true;
    for (const log of this.#logs.values()) log.abort();
    const what = this.#open.size === 1 ? "a stream was" : `${this.#open.size} streams were`;
    throw new Error(`${what} still being written, and what was not written is lost`);
  }
}

/** Outside of runs a log is kept for as long as something is on its way there: what comes meanwhile has to come behind. */
const outside = new Map<string, { readonly log: OutputLog; holds: number }>();

function outputOutside(runId: string, key: string): Output {
  const identity = toIdentity(configuration());
  const name = JSON.stringify([identity.endpoint, identity.token, runId, key]);
  const entry = outside.get(name) ?? { log: new OutputLog(identity, runId, key), holds: 0 };
  const hold = <Result>(writing: Promise<Result>) => {
    entry.holds += 1;
    outside.set(name, entry);
    return tended(writing, () => {
      entry.holds -= 1;
      if (entry.holds === 0) outside.delete(name);
    });
  };
  return { log: entry.log, signal: undefined, hold };
}

/** Nobody has to listen to it. */
function tended<Result>(promise: Promise<Result>, settled: () => void): Promise<Result> {
  promise.then(settled, settled);
  return promise;
}

/** The log of a stream. Throws `invalid-options`. */
export function outputOf(key: string, target: StreamTarget = "self"): Output {
  checkName("stream key", key, "Pass the key that pages read it by, or leave it out for the default stream.");
  checkName("target", target, 'Pass "self", "parent", "root" or the id of a run.');
  const run = currentRun();
  if (run) {
    const relatives: Record<string, string | undefined> = { parent: run.parentRunId, root: run.rootRunId };
    const runId = target === "self" || target in relatives ? (relatives[target] ?? run.runId) : target;
    return run.keep(KIND, () => new RunOutputs(run)).output(runId, key);
  }
  if (target === "self" || target === "parent" || target === "root") {
    throw invalidOptions(`Outside of a task there is no "${target}" to write to. Pass the id of a run as target.`);
  }
  return outputOutside(target, key);
}
