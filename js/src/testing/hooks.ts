import { act, cleanup } from "@testing-library/react";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { type FakeEngine, settle } from "./fake-engine.js";
import { fakePage } from "./fake-page.js";

/** Runs in a React update and lets what it started settle. */
export async function step(action: () => void = () => {}): Promise<void> {
  await act(async () => {
    action();
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

/** The id of the newest send or subscription. */
export function newest(kind: "send" | "subscribe"): number {
  const id = engine().idsOf(kind).at(-1);
  if (id === undefined) throw new Error(`nothing was asked for by ${kind}`);
  return id;
}

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
