import { test as base, expect, vi } from "vitest";
import { currentRun, type InputWait } from "../task/run-context.js";
import { type ServeOptions, type Serving, serve } from "../task/serve.js";
import { type RunParameters, task } from "../task/task.js";
import { ScriptedEngine } from "./scripted-engine.js";

export const secretKey = "tr_dev_very_secret";
const baseURL = "https://engine.test";

type Run = (payload: never, parameters: RunParameters) => unknown;

interface WorkerTest {
  /** The server; time is the test's. */
  engine: ScriptedEngine;
  /** What the worker says. It never says the key. */
  lines: string[];
  /** Serves one task, `mine`, and stops when the test is over. */
  served(run: Run, options?: Partial<ServeOptions> & { maxDuration?: number }): Promise<Serving>;
}

export const test = base.extend<WorkerTest>({
  // biome-ignore lint/correctness/noEmptyPattern: the runner reads the pattern
  engine: async ({}, use) => {
    vi.useFakeTimers();
    await use(new ScriptedEngine());
    vi.unstubAllGlobals();
    vi.useRealTimers();
  },
  // biome-ignore lint/correctness/noEmptyPattern: the runner reads the pattern
  lines: async ({}, use) => {
    const lines: string[] = [];
    await use(lines);
    for (const line of lines) expect(line).not.toContain(secretKey);
  },
  served: async ({ engine: _, lines }, use) => {
    let serving: Serving | undefined;
    await use(async (run, { maxDuration, ...options } = {}) => {
      const tasks = [task({ id: "mine", run, maxDuration })];
      serving = await serve({ tasks, secretKey, baseURL, log: (line) => lines.push(line), ...options });
      return serving;
    });
    const stopped = serving?.stop();
    await vi.runAllTimersAsync();
    await stopped;
  },
});

/** Lets everything happen for which no time has to pass. */
export const settle = () => vi.advanceTimersByTimeAsync(0);

/** Waits for an input, as a task does. */
export function input(streamId: string, lastSeqNum?: number) {
  const wait: InputWait = {
    ...{ streamId, lastSeqNum, timeout: undefined, idempotencyKey: undefined },
    ...{ idempotencyKeyTTL: undefined, tags: undefined },
  };
  return currentRun()?.waitForInput(wait);
}

/** How such a wait ends. */
export const end = (more: object = {}) => ({
  ...{ waitpoint: "waitpoint_1", streamId: "words", seqNum: 0, ok: true },
  ...{ output: '"go"', outputType: "application/json", ...more },
});

export const cut = () => new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
export const gone = () => Response.json({ error: "it is gone" }, { status: 410 });
