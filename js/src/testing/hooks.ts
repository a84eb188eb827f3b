import { act, cleanup } from "@testing-library/react";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { type FakeEngine, settle } from "./fake-engine.js";
import { fakePage } from "./fake-page.js";
import { RUN_SCHEMA } from "./runs.js";

/** Runs in a React update and lets what it started settle. */
export async function step(action: () => void = () => {}): Promise<void> {
  await act(async () => {
    action();
    await settle();
  });
  // What was rendered at the end of that may have begun to load something.
  await act(async () => {
    await vi.dynamicImportSettled();
    await settle();
  });
}

/** Lets this much time pass, with the updates it brings. */
export async function pass(ms: number): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(ms));
}

/** The engine, once something has loaded it. */
export function engine(): FakeEngine {
  return fakePage.loader.engine;
}

/** The id of the newest send, subscription, feed or call. */
export function newest(kind: "send" | "subscribe" | "follow" | "call"): number {
  const id = engine().idsOf(kind).at(-1);
  if (id === undefined) throw new Error(`nothing was asked for by ${kind}`);
  return id;
}

/** A server tells which runs there are, through the newest feed unless another is named. */
export function tellRuns(rows: Record<string, string | null>[], feed = newest("follow")): void {
  const messages = rows.map((value) => ({ key: value.friendlyId, value, headers: { operation: "insert" } }));
  engine().rows(feed, messages, { schema: RUN_SCHEMA });
}

/** A server tells what is new of a run. */
export function tellChange(id: string, value: Record<string, string | null>, feed = newest("follow")): void {
  engine().rows(feed, [{ key: id, value, headers: { operation: "update" } }]);
}

/** What becomes of a row when its run succeeds. */
export const SUCCEEDED = {
  status: "COMPLETED_SUCCESSFULLY",
  completedAt: "2026-11-21T22:54:12.000",
  output: '"done"',
  outputType: "application/json",
};

/** A fresh page and a clock for each test, and no test passes that left a rejection or an exception unhandled. */
export function watchPageOfEachTest(): void {
  const stray: unknown[] = [];
  const onRejection = (reason: unknown) => stray.push(reason);
  const onError = (event: ErrorEvent) => stray.push(event.error);
  beforeEach(() => {
    stray.length = 0;
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    fakePage.reset();
    process.on("unhandledRejection", onRejection);
    window.addEventListener("error", onError);
  });
  afterEach(async () => {
    cleanup();
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onRejection);
    window.removeEventListener("error", onError);
    expect(stray).toEqual([]);
  });
}
