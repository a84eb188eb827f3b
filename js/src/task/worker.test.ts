import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ScriptedEngine } from "../testing/scripted-engine.js";
import { AbortTaskRunError } from "./failure.js";
import { currentRun, type InputWait } from "./run-context.js";
import { type ServeOptions, type Serving, serve } from "./serve.js";
import { type RunParameters, task } from "./task.js";
import { wait } from "./wait.js";

const secretKey = "tr_dev_very_secret";
const baseURL = "https://engine.test";

let engine: ScriptedEngine;
let lines: string[];
let serving: Serving | undefined;

beforeEach(() => {
  vi.useFakeTimers();
  engine = new ScriptedEngine();
  lines = [];
});
afterEach(async () => {
  const stopped = serving?.stop();
  await vi.runAllTimersAsync();
  await stopped;
  serving = undefined;
  vi.unstubAllGlobals();
  vi.useRealTimers();
  for (const line of lines) expect(line).not.toContain(secretKey);
});

type Run = (payload: never, parameters: RunParameters) => unknown;

/** Serves one task, `mine`, and lets everything settle. */
async function served(run: Run, options: Partial<ServeOptions> & { maxDuration?: number } = {}) {
  const { maxDuration, ...others } = options;
  const tasks = [task({ id: "mine", run, maxDuration })];
  serving = await serve({ tasks, secretKey, baseURL, log: (line) => lines.push(line), ...others });
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const input = (streamId: string, lastSeqNum?: number) => {
  const wait: InputWait = {
    ...{ streamId, lastSeqNum, timeout: undefined, idempotencyKey: undefined },
    ...{ idempotencyKeyTTL: undefined, tags: undefined },
  };
  return currentRun()?.waitForInput(wait);
};
const end = (more: object = {}) => ({
  ...{ waitpoint: "waitpoint_1", streamId: "words", seqNum: 0, ok: true },
  ...{ output: '"go"', outputType: "application/json", ...more },
});
const cut = () => new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
const gone = () => Response.json({ error: "it is gone" }, { status: 410 });
const hangUntilAborted: Run = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

function nameless(): object {
  const around = Object.create(null);
  around.itself = around;
  return around;
}

test("it says what it serves, takes up a run, and tells what came of it", async () => {
  await served((payload, { ctx }) => JSON.parse(JSON.stringify({ payload, ctx })));
  expect(engine.asked[0]?.body).toMatchObject({ protocol: 1, concurrency: 10, tasks: [{ id: "mine" }], runs: [] });
  engine.start("run_1");
  await settle();
  expect(engine.reports).toMatchObject([{ what: "complete", run: "run_1", execution: 1 }]);
  const { payload, ctx } = JSON.parse(engine.reports[0]?.output as string).json;
  expect(payload).toBe(1);
  expect(ctx).toMatchObject({ task: { id: "mine" }, attempt: { number: 1 }, run: { id: "run_1", tags: ["a"] } });
  expect(engine.polls.at(-1)).toMatchObject({ seen: 1 });
});

test.each<[string, unknown, object]>([
  ["an error", new RangeError("no"), { error: { type: "BUILT_IN_ERROR", name: "RangeError" }, isFinal: false }],
  ["a text", "no", { error: { type: "STRING_ERROR", raw: "no" } }],
  ["anything else", { no: 1 }, { error: { type: "CUSTOM_ERROR", raw: '{"no":1}' } }],
  ["nothing", undefined, { error: { type: "CUSTOM_ERROR", raw: "The task threw undefined, which is no Error." } }],
  ["an empty text", "", { error: { type: "CUSTOM_ERROR", raw: 'The task threw "", which is no Error.' } }],
  ["a number", 5, { error: { type: "CUSTOM_ERROR", raw: "The task threw 5, which is no Error." } }],
  ["what has no text", nameless(), { error: { raw: "The task threw [object Object], which is no Error." } }],
  ["an error that ends all", new AbortTaskRunError("no"), { error: { message: "no" }, isFinal: true }],
])("what throws %s has failed with that", async (_, thrown, report) => {
  await served(() => Promise.reject(thrown));
  engine.start("run_1");
  await settle();
  expect(engine.reports).toMatchObject([{ what: "fail", ...report }]);
});

test("what went wrong with an attempt is said in one line, without the key", async () => {
  await served((text: string) => {
    throw new RangeError(`${text}\n${secretKey} is no good${".".repeat(1_000)}`);
  });
  engine.start("run_1", { payload: "a", payloadType: "text/plain" });
  await settle();
  expect(lines[1]).toMatch(/^mine run_1: attempt 1 failed: RangeError: a \[secret key\] is no good\.{200,}…$/);
});

test("a payload that cannot be read, and an output that cannot be written, are no matter of the task", async () => {
  await served(() => ({
    get never() {
      throw new Error("there is none");
    },
  }));
  engine.start("run_1", { payload: "{", payloadType: "application/json" });
  engine.start("run_2");
  await settle();
  expect(engine.reports.map(({ error, isFinal }) => [(error as { code: string }).code, isFinal])).toEqual([
    ["TASK_INPUT_ERROR", true],
    ["TASK_OUTPUT_ERROR", true],
  ]);
});

test("an output that the server finds too large fails the run", async () => {
  await served(() => "long");
  engine.script.set("/complete", [Response.json({ error: "Request body too large" }, { status: 413 })]);
  engine.start("run_1");
  await settle();
  expect(engine.reports.at(-1)).toMatchObject({ what: "fail", error: { code: "TASK_OUTPUT_ERROR" } });
});

test("an order that comes twice is carried out once", async () => {
  const run = vi.fn(() => 1);
  await served(run);
  const about = { id: "run_1", task: "mine", tags: [], isTest: false, createdAt: "2026-11-21T22:56:05Z" };
  const start = { attempt: 1, execution: 1, payload: "1", payloadType: "text/plain", waits: [] };
  const again = () => Response.json({ orders: [{ seq: 1, kind: "start", run: about, ...start }] });
  engine.script.set("/poll", [again(), again()]);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(engine.polls.map(({ seen }) => seen)).toEqual([0, 0, 1, 1]);
  expect(engine.reports).toMatchObject([{ what: "complete", run: "run_1" }]);
  expect(run).toHaveBeenCalledOnce();
});

test("a server that forgets it again and again is not asked all the time", async () => {
  await served(() => 1);
  engine.script.set("/poll", Array.from({ length: 1_000 }, gone));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(engine.polls.length).toBeGreaterThan(5);
  expect(engine.polls.length).toBeLessThan(40);
  engine.script.clear();
  await vi.advanceTimersByTimeAsync(5_000);
  engine.start("run_1");
  await settle();
  expect(engine.reports).toHaveLength(1);
});

test("what came of a run is told until it is heard, and not when it does not count", async () => {
  await served(() => 1);
  engine.script.set("/complete", [cut(), Response.json({}, { status: 500 }), cut()]);
  engine.start("run_1");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(engine.reports).toHaveLength(4);
  engine.script.set("/complete", [gone()]);
  engine.start("run_2");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(engine.reports).toHaveLength(5);
});

test("a run waits for an input until the server says that it has come", async () => {
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

test("a wait that is over already is over at once, and one that is out of time says so", async () => {
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

test("the word that a wait has ended may come before the answer that it began", async () => {
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

test("waits that ended in earlier executions answer in order, stream by stream, and then it waits anew", async () => {
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

test("a cancelled run is told by its signal, and its waits end", async () => {
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

test("a run that takes too long is told, and has timed out; time in waits does not count", async () => {
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

test("what is left for the end is done before the end is told, whatever fails of it", async () => {
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

test("what comes when a run has ended is told that nobody finishes it", async () => {
  const told: unknown[] = [];
  await served(() => {
    const run = currentRun();
    told.push(run?.atEnd(async () => void setTimeout(() => told.push(run.atEnd(async () => {})), 1)));
  });
  engine.start("run_1");
  await vi.advanceTimersByTimeAsync(10);
  expect(told).toEqual([true, false]);
});

test("what is to be done before a run sleeps is done before the server is told, and a wait that is over needs none", async () => {
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

test("a run that is cancelled while it gets ready to sleep does not wait for that", async () => {
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

test("runs know themselves, and keep one of a kind", async () => {
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

test("a server that does not know it any more is told what it holds, and says what is not its own", async () => {
  const signals = new Map<string, AbortSignal>();
  await served(async (_, { ctx, signal }) => {
    signals.set(ctx.run.id, signal);
    await input("words");
  });
  engine.start("run_1");
  engine.start("run_2");
  await settle();
  engine.kept = ["run_1"];
  engine.script.set("/poll", [gone()]);
  await vi.advanceTimersByTimeAsync(5_000);
  const connects = engine.asked.filter(({ path }) => path.endsWith("/connect"));
  const claim = (id: string) => ({ id, execution: 1, waits: ["waitpoint_1"] });
  expect(connects.at(-1)?.body.runs).toEqual([claim("run_1"), claim("run_2")]);
  expect([signals.get("run_1")?.aborted, signals.get("run_2")?.aborted]).toEqual([false, true]);
  engine.order({ kind: "resume", run: "run_1", execution: 1, wait: end() });
  await settle();
  expect(engine.reports).toMatchObject([{ what: "complete", run: "run_1" }]);
});

test("a run that is begun anew here ends what there was of it", async () => {
  const signals: AbortSignal[] = [];
  await served((payload, parameters) => {
    signals.push(parameters.signal);
    return hangUntilAborted(payload, parameters);
  });
  engine.start("run_1");
  await settle();
  engine.start("run_1", { execution: 2, attempt: 2 });
  await settle();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(engine.reports).toEqual([]);
});

test("it goes on when the server is back, and says both once", async () => {
  await served(() => 1);
  engine.script.set("/poll", [cut(), cut(), cut()]);
  await vi.advanceTimersByTimeAsync(30_000);
  engine.start("run_1");
  await settle();
  expect(engine.reports).toHaveLength(1);
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(/No server answers .* Trying again/),
    "the server answers again",
  ]);
});

test("stop lets runs execute to their end, and gives back what waits and what takes too long", async () => {
  const ends: string[] = [];
  await served(
    async (_, { ctx, signal }) => {
      if (ctx.run.id === "run_1") return new Promise((settle) => setTimeout(settle, 5_000, "done"));
      if (ctx.run.id === "run_2") return input("words")?.finally(() => ends.push("the wait"));
      return new Promise(() => signal.addEventListener("abort", () => ends.push("the signal")));
    },
    { stopTimeoutMs: 20_000 },
  );
  for (const run of ["run_1", "run_2", "run_3"]) engine.start(run);
  await settle();
  const stopped = serving?.stop();
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

test("stop lets a run tell what came of it, though a wait of it has not ended", async () => {
  await served(() => {
    currentRun()?.atEnd(() => new Promise((settle) => setTimeout(settle, 5_000)));
    return Promise.race([input("words"), new Promise((settle) => setTimeout(settle, 1_000, "first"))]);
  });
  engine.start("run_1");
  await vi.advanceTimersByTimeAsync(2_000);
  const stopped = serving?.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  await stopped;
  expect(engine.reports).toMatchObject([{ what: "complete", run: "run_1" }]);
});

test("the secret key is not in what the server is told of a failure", async () => {
  await served(() => {
    throw new Error(`the key is ${secretKey}`);
  });
  engine.start("run_1");
  await settle();
  expect(engine.reports).toHaveLength(1);
  expect(JSON.stringify(engine.reports)).not.toContain(secretKey);
});

test("a signal stops it", async () => {
  const controller = new AbortController();
  await served(() => 1, { signal: controller.signal });
  controller.abort();
  await settle();
  expect(engine.asked.at(-1)?.path).toMatch(/\/leave$/);
  await expect(served(() => 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "aborted" });
});

test("a signal that comes while it connects ends it, and the server is told", async () => {
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

test("a signal that comes while there is no server ends it, too", async () => {
  const controller = new AbortController();
  engine.script.set("/connect", Array.from({ length: 4 }, cut));
  const refused = served(() => 1, { signal: controller.signal }).catch((error) => error);
  await settle();
  controller.abort();
  await vi.runAllTimersAsync();
  expect(await refused).toMatchObject({ code: "aborted" });
  expect(engine.asked.map(({ path }) => path.split("/").at(-1))).not.toContain("leave");
});

test("stop waits for a connection that is made anew, and gives it back", async () => {
  await served(() => 1);
  let connect = () => {};
  engine.script.set("/connect", [new Promise<void>((resolve) => (connect = resolve))]);
  engine.script.set("/poll", [gone()]);
  await vi.advanceTimersByTimeAsync(5_000);
  const stopped = serving?.stop();
  await settle();
  connect();
  await settle();
  await stopped;
  expect(engine.asked.at(-1)).toMatchObject({ path: expect.stringMatching(/leave$/), body: { session: "session 2" } });
});

test.each<[string, () => Response | Error, object]>([
  ["a key of another", () => Response.json({ error: "Invalid API key" }, { status: 401 }), { code: "unauthorized" }],
  ["another kind of server", () => new Response("<html>", { status: 404 }), { code: "protocol" }],
  ["a page in the place of an answer", () => new Response("<html>"), { code: "protocol" }],
  ["another answer", () => Response.json({ id: 1 }), { code: "protocol" }],
  ["a server that is not there", cut, { code: "blocked" }],
])("%s is told to whoever serves", async (_, answer, error) => {
  engine.script.set("/connect", Array.from({ length: 4 }, answer));
  const refused = served(() => 1).catch((error) => error);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await refused).toMatchObject(error);
  expect(String((await refused).stack)).not.toContain(secretKey);
});

test.each<[string, object, RegExp]>([
  ["no tasks", { tasks: [] }, /no tasks/],
  ["what is no task", { tasks: [{}] }, /no task/],
  ["two of one name", { tasks: [task({ id: "a", run: () => 1 }), task({ id: "a", run: () => 1 })] }, /"a"/],
  ["no concurrency", { concurrency: 0 }, /concurrency/],
  ["no key", { secretKey: "" }, /secret key/],
])("%s cannot be served", async (_, options, message) => {
  await expect(served(() => 1, options)).rejects.toThrow(message);
});

test.each([undefined, null, "order"])("%s is nothing to serve", async (given) => {
  await expect(serve(given as never)).rejects.toMatchObject({ code: "invalid-options" });
});

test("a task that cannot be is refused where it is defined", () => {
  const run = () => 1;
  expect(() => task({ id: "", run })).toThrow(/id of a task/);
  expect(() => task({ id: "a" } as never)).toThrow(/no run/);
  expect(() => task({ id: "a", run, retry: { maxAttempts: 0 } })).toThrow(/maxAttempts/);
  expect(() => task({ id: "a", run, retry: { factor: -1 } })).toThrow(/below 0/);
  expect(() => task({ id: "a", run, maxDuration: 0 })).toThrow(/maxDuration/);
});

test("a task that is triggered inside a run is its child", async () => {
  const child = task({ id: "child", run: () => 1 });
  engine.script.set("/trigger", [Response.json({ id: "run_2" }, { headers: { "x-trigger-jwt": "its.own.token" } })]);
  await served(async () => (await child.trigger(undefined, { tags: "b" })).id);
  engine.start("run_1");
  await settle();
  expect(engine.asked[1]?.path).toBe("/api/v1/tasks/child/trigger");
  expect(engine.asked[1]?.body.options).toMatchObject({ parentRunId: "run_1", tags: "b" });
  expect(engine.reports).toMatchObject([{ output: "run_2" }]);
});

test("outside of runs there is nothing to wait for", async () => {
  await expect(wait.forToken("waitpoint_1")).rejects.toMatchObject({ code: "invalid-options" });
});
