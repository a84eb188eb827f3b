import { invalidOptions } from "../client/errors.js";
import { checkName } from "../client/options.js";
import { configuration, toIdentity } from "../server/configuration.js";
import { OutputLog } from "./output-log.js";
import { currentRun, type RunContext } from "./run-context.js";
import { pause } from "./timer.js";

/** How long a run's end waits for what is being written. */
const END_MS = 60_000;

/** Whose stream it is: this run's, its parent's, that of the first of its line, or that of the run with this id. */
export type StreamTarget = "self" | "parent" | "root" | (string & {});

const KIND = Symbol("outputs");

/** What a run writes: a log for each stream, and what has to be finished before the run's end is told. */
class RunOutputs {
  readonly #logs = new Map<string, OutputLog>();
  readonly #open = new Set<Promise<unknown>>();

  constructor(readonly run: RunContext) {
    run.atEnd(() => this.#finish());
  }

  log(runId: string, key: string): OutputLog {
    const name = JSON.stringify([runId, key]);
    let log = this.#logs.get(name);
    if (!log) {
      log = new OutputLog(toIdentity(this.run.backend), runId, key);
      this.#logs.set(name, log);
    }
    return log;
  }

  /** The run's end waits for it. */
  hold(writing: Promise<unknown>): void {
    this.#open.add(writing);
    const forget = () => this.#open.delete(writing);
    writing.then(forget, forget);
  }

  async #finish(): Promise<void> {
    const controller = new AbortController();
    const patience = pause(END_MS, controller.signal).then(() => false);
    const written = (async () => {
      while (this.#open.size > 0) await Promise.allSettled(this.#open);
      return true;
    })();
    const isDone = await Promise.race([written, patience]);
    controller.abort();
    if (isDone) return;
    console.error(
      `Tidegate: run ${this.run.runId} ended with ${this.#open.size} streams that were still being written after ${END_MS / 1_000} seconds. What was not written by then is lost.`,
    );
    for (const log of this.#logs.values()) log.abort();
  }
}

/** Where something is written, by whom. */
export interface Output {
  readonly log: OutputLog;
  readonly signal: AbortSignal | undefined;
  /** The end of the run waits for it, and it counts as looked at: whoever wants to know waits for it. */
  hold<Result>(writing: Promise<Result>): Promise<Result>;
}

/** The log of a stream. Throws `invalid-options`. */
export function outputOf(key: string, target: StreamTarget = "self"): Output {
  checkName("stream key", key, "Pass the key that pages read it by, or leave it out for the default stream.");
  checkName("target", target, 'Pass "self", "parent", "root" or the id of a run.');
  const run = currentRun();
  const quiet = <Result>(writing: Promise<Result>) => {
    writing.catch(() => {});
    return writing;
  };
  if (run) {
    const outputs = run.keep(KIND, () => new RunOutputs(run));
    const relatives: Record<string, string | undefined> = { parent: run.parentRunId, root: run.rootRunId };
    const runId = target === "self" || target in relatives ? (relatives[target] ?? run.runId) : target;
    const hold = <Result>(writing: Promise<Result>) => {
      outputs.hold(writing);
      return quiet(writing);
    };
    return { log: outputs.log(runId, key), signal: run.signal, hold };
  }
  if (target === "self" || target === "parent" || target === "root") {
    throw invalidOptions(`Outside of a task there is no "${target}" to write to. Pass the id of a run as target.`);
  }
  return { log: new OutputLog(toIdentity(configuration()), target, key), signal: undefined, hold: quiet };
}
