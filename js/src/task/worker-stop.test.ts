import { expect, vi } from "vitest";
import { cut, gone, input, settle, test } from "../testing/worker-test.js";
import { currentRun } from "./run-context.js";

test("stop lets runs execute to their end, and gives back what waits and what takes too long", async ({
  engine,
  served,
}) => {
  const ends: string[] = [];
  const serving = await served(
    async (_, { ctx, signal }) => {
      if (ctx.run.id === "run_1") return new Promise((settle) => setTimeout(settle, 5_000, "done"));
      if (ctx.run.id === "run_2") return input("words")?.finally(() => ends.push("the wait"));
      return new Promise(() => signal.addEventListener("abort", () => ends.push("the signal")));
    },
    { stopTimeoutMs: 20_000 },
  );
  for (const run of ["run_1", "run_2", "run_3"]) engine.start(run);
  await settle();
  const stopped = serving.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(engine.polls.at(-1)).toMatchObject({ isLeaving: true });
  expect(engine.reports).toMatchObject([{ what: "complete", run: "run_1" }]);
  expect(ends).toEqual([]);
  await vi.advanceTimersByTimeAsync(15_000);
  await stopped;
  expect(ends).toEqual(["the signal"]);
  expect(engine.asked.at(-1)?.path).toMatch(/\/leave$/);
  expect(engine.reports).toHaveLength(1);
  const polls = engine.polls.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(engine.polls).toHaveLength(polls);
});

test("stop lets a run tell what came of it, though a wait of it has not ended", async ({ engine, served }) => {
  const serving = await served(() => {
    currentRun()?.atEnd(() => new Promise((settle) => setTimeout(settle, 5_000)));
    return Promise.race([input("words"), new Promise((settle) => setTimeout(settle, 1_000, "first"))]);
  });
  engine.start("run_1");
  await vi.advanceTimersByTimeAsync(2_000);
  const stopped = serving.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  await stopped;
  expect(engine.reports).toMatchObject([{ what: "complete", run: "run_1" }]);
});

test("stop waits for a connection that is made anew, and gives it back", async ({ engine, served }) => {
  const serving = await served(() => 1);
  let connect = () => {};
  engine.script.set("/connect", [new Promise<void>((resolve) => (connect = resolve))]);
  engine.script.set("/poll", [gone()]);
  await vi.advanceTimersByTimeAsync(5_000);
  const stopped = serving.stop();
  await settle();
  connect();
  await settle();
  await stopped;
  expect(engine.asked.at(-1)).toMatchObject({ path: expect.stringMatching(/leave$/), body: { session: "session 2" } });
});

test("a signal stops it", async ({ engine, served }) => {
  const controller = new AbortController();
  await served(() => 1, { signal: controller.signal });
  controller.abort();
  await settle();
  expect(engine.asked.at(-1)?.path).toMatch(/\/leave$/);
  await expect(served(() => 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
});

test("a signal that comes while it connects ends it, and the server is told", async ({ engine, lines, served }) => {
  const controller = new AbortController();
  let connect = () => {};
  engine.script.set("/connect", [new Promise<void>((resolve) => (connect = resolve))]);
  const refused = served(() => 1, { signal: controller.signal }).catch((error) => error);
  await settle();
  controller.abort();
  await settle();
  connect();
  await settle();
  expect(await refused).toMatchObject({ code: "aborted" });
  expect(engine.asked.map(({ path }) => path.split("/").at(-1))).toEqual(["connect", "leave"]);
  expect(engine.polls).toEqual([]);
  expect(lines).toEqual(["stopped"]);
});

test("a signal that comes while there is no server ends it, too", async ({ engine, served }) => {
  const controller = new AbortController();
  engine.script.set("/connect", Array.from({ length: 4 }, cut));
  const refused = served(() => 1, { signal: controller.signal }).catch((error) => error);
  await settle();
  controller.abort();
  await vi.runAllTimersAsync();
  expect(await refused).toMatchObject({ code: "aborted" });
  expect(engine.asked.map(({ path }) => path.split("/").at(-1))).not.toContain("leave");
});
