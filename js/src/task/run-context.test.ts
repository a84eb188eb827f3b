import { expect, vi } from "vitest";
import { settle, test } from "../testing/worker-test.js";
import { currentRun } from "./run-context.js";

test("runs know themselves, and keep one of a kind", async ({ engine, served }) => {
  const kind = Symbol("kind");
  await served(async () => {
    const before = currentRun()?.keep(kind, () => ({ of: currentRun()?.runId }));
    await new Promise((settle) => setTimeout(settle, 10));
    return before === currentRun()?.keep(kind, () => ({ of: "another" })) && before?.of;
  });
  engine.start("run_1");
  engine.start("run_2");
  await vi.advanceTimersByTimeAsync(10);
  expect(engine.reports.map(({ run, output }) => output === run)).toEqual([true, true]);
  expect(currentRun()).toBeUndefined();
});

test("what is left for the end is done before the end is told, whatever fails of it", async ({
  engine,
  lines,
  served,
}) => {
  const done: number[] = [];
  await served(() => {
    currentRun()?.atEnd(async () => {
      await Promise.resolve();
      done.push(engine.reports.length);
    });
    currentRun()?.atEnd(() => Promise.reject(new Error("not finished")));
    currentRun()?.atEnd(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("two are left")))),
    );
    currentRun()?.atEnd(() => new Promise(() => {}));
  });
  engine.start("run_1");
  await settle();
  expect([done, engine.reports]).toEqual([[0], []]);
  await vi.advanceTimersByTimeAsync(60_001);
  expect(engine.reports).toMatchObject([{ what: "complete" }]);
  const told = lines.flatMap((line) => /not all was finished at its end: (.*)/.exec(line)?.[1] ?? []);
  expect(told).toEqual(["not finished", "two are left", "it took too long"]);
});

test("what comes when a run has ended is told that nobody finishes it", async ({ engine, served }) => {
  const told: unknown[] = [];
  await served(() => {
    const run = currentRun();
    told.push(run?.atEnd(async () => void setTimeout(() => told.push(run.atEnd(async () => {})), 1)));
  });
  engine.start("run_1");
  await vi.advanceTimersByTimeAsync(10);
  expect(told).toEqual([true, false]);
});
