import { expect, vi } from "vitest";
import { end, input, settle, test } from "../testing/worker-test.js";
import { currentRun } from "./run-context.js";
import { wait } from "./wait.js";

test("a run waits for an input until the server says that it has come", async ({ engine, served }) => {
  await served(() => input("words", 4));
  engine.start("run_1");
  await settle();
  expect(engine.asked.slice(1)).toEqual([
    { path: "/api/v1/runs/run_1/input-streams/wait", body: { streamId: "words", lastSeqNum: 4 }, execution: "1" },
    { path: "/engine/v1/runs/run_1/waitpoints/tokens/waitpoint_1/wait", body: {}, execution: "1" },
  ]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(engine.reports).toEqual([]);
  engine.order({ kind: "resume", run: "run_1", execution: 1, wait: end({ seqNum: 5 }) });
  await settle();
  expect(JSON.parse(engine.reports[0]?.output as string).json).toEqual({ ok: true, data: '"go"', seqNum: 5 });
});

test("a wait that is over already is over at once, and one that is out of time says so", async ({ engine, served }) => {
  await served(() => input("words"));
  const late = { ok: false, output: '{"message":"too late"}' };
  engine.script.set("/wait", [
    Response.json({ waitpointId: "waitpoint_1" }),
    Response.json({ success: true, wait: end(late) }),
  ]);
  engine.start("run_1");
  await settle();
  expect(JSON.parse(engine.reports[0]?.output as string).json).toEqual({ ok: false, message: "too late" });
});

test("the word that a wait has ended may come before the answer that it began", async ({ engine, served }) => {
  await served(() => input("words"));
  let answer = (_: Response) => {};
  const late = new Promise<Response>((settle) => {
    answer = settle;
  });
  const fetch = globalThis.fetch;
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) =>
    url.endsWith("/waitpoint_1/wait") ? late : fetch(url, init),
  );
  engine.start("run_1");
  await settle();
  engine.order({ kind: "resume", run: "run_1", execution: 1, wait: end() });
  await settle();
  answer(Response.json({ success: true }));
  await settle();
  expect(engine.reports).toMatchObject([{ what: "complete" }]);
});

test("waits that ended in earlier executions answer in order, stream by stream, and then it waits anew", async ({
  engine,
  served,
}) => {
  await served(async () => {
    const first = await input("words");
    const other = await input("others");
    // This one it has had in another way.
    const third = await input("words", 1);
    const token = await wait.forToken("waitpoint_token").unwrap();
    const asked = engine.asked.length;
    await input("words", 2);
    return { first, other, third, token, asked };
  });
  const waits = [
    end(),
    end({ waitpoint: "waitpoint_token", streamId: undefined, output: "open", outputType: "text/plain" }),
    end({ waitpoint: "waitpoint_2", output: "1", seqNum: 1 }),
    end({ waitpoint: "waitpoint_3", output: "2", seqNum: 2 }),
    end({ waitpoint: "waitpoint_4", streamId: "others", output: "3", seqNum: 0 }),
  ];
  engine.start("run_1", { waits });
  await settle();
  expect(engine.reports).toEqual([]);
  engine.order({ kind: "resume", run: "run_1", execution: 1, wait: end({ seqNum: 3 }) });
  await settle();
  expect(JSON.parse(engine.reports[0]?.output as string).json).toEqual({
    first: { ok: true, data: '"go"', seqNum: 0 },
    other: { ok: true, data: "3", seqNum: 0 },
    third: { ok: true, data: "2", seqNum: 2 },
    token: "open",
    asked: 1,
  });
});

test("a cancelled run is told by its signal, and its waits end", async ({ engine, served }) => {
  let signal: AbortSignal | undefined;
  const ends: string[] = [];
  await served(async (_, parameters) => {
    signal = parameters.signal;
    await input("words")?.catch((error) => ends.push(error.code));
  });
  engine.start("run_1");
  await settle();
  engine.order({ kind: "cancel", run: "run_1", execution: 1 });
  await settle();
  expect([signal?.aborted, ends, engine.reports]).toEqual([true, ["aborted"], []]);
});

test("a run that takes too long is told, and has timed out; time in waits does not count", async ({
  engine,
  served,
}) => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  let reason: unknown;
  await served(
    async (_, { signal }) => {
      await input("words");
      signal.addEventListener("abort", () => {
        reason = signal.reason.name;
      });
      await new Promise(() => {});
    },
    { maxDuration: 10 },
  );
  engine.start("run_1");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(engine.reports).toEqual([]);
  engine.order({ kind: "resume", run: "run_1", execution: 1, wait: end() });
  await vi.advanceTimersByTimeAsync(9_000);
  expect(engine.reports).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  const error = { code: "MAX_DURATION_EXCEEDED", message: "The run took longer than its maxDuration of 10 s." };
  expect(engine.reports).toMatchObject([{ what: "fail", error, isFinal: true }]);
  expect(reason).toBe("TimeoutError");
  expect(engine.reports[0]?.usageMs).toBe(10_000);
});

test("what is to be done before a run sleeps is done before the server is told, and a wait that is over needs none", async ({
  engine,
  served,
}) => {
  const done: string[] = [];
  await served(async () => {
    const suspended = () => engine.asked.some(({ path }) => path.endsWith("/wait") && path.includes("tokens"));
    currentRun()?.beforeSleep(async () => {
      await Promise.resolve();
      done.push(suspended() ? "late" : "in time");
    });
    currentRun()?.beforeSleep(() => Promise.reject(new Error("not written")));
    await input("others");
    await input("words");
  });
  engine.start("run_1", { waits: [end({ streamId: "others" })] });
  await settle();
  expect(done).toEqual(["in time"]);
  engine.order({ kind: "resume", run: "run_1", execution: 1, wait: end({ seqNum: 1 }) });
  await settle();
  expect(engine.reports).toMatchObject([{ what: "complete" }]);
});

test("a run that is cancelled while it gets ready to sleep does not wait for that", async ({ engine, served }) => {
  const ends: string[] = [];
  await served(async () => {
    currentRun()?.beforeSleep(() => new Promise(() => {}));
    await input("words")?.catch((error) => ends.push(error.code));
  });
  engine.start("run_1");
  await settle();
  engine.order({ kind: "cancel", run: "run_1", execution: 1 });
  await settle();
  expect(ends).toEqual(["aborted"]);
});

test("a run that has been cancelled gets ready for no sleep", async ({ engine, served }) => {
  const ends: string[] = [];
  await served(async (_, { signal }) => {
    currentRun()?.beforeSleep(() => new Promise(() => {}));
    await new Promise((settle) => signal.addEventListener("abort", settle));
    await wait.forToken("waitpoint_1").catch((error) => ends.push(error.code));
  });
  engine.start("run_1");
  await settle();
  engine.order({ kind: "cancel", run: "run_1", execution: 1 });
  await settle();
  expect(ends).toEqual(["aborted"]);
});

test("outside of runs there is nothing to wait for", async () => {
  await expect(wait.forToken("waitpoint_1")).rejects.toMatchObject({ code: "invalid-options" });
});
