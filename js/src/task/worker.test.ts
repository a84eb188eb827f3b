import { expect, vi } from "vitest";
import { cut, end, gone, input, secretKey, settle, test } from "../testing/worker-test.js";
import { AbortTaskRunError } from "./failure.js";
import type { RunParameters } from "./task.js";

const hangUntilAborted = (_: never, { signal }: RunParameters) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

function nameless(): object {
  const around = Object.create(null);
  around.itself = around;
  return around;
}

test("it says what it serves, takes up a run, and tells what came of it", async ({ engine, served }) => {
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

test.for<[string, unknown, object]>([
  ["an error", new RangeError("no"), { error: { type: "BUILT_IN_ERROR", name: "RangeError" }, isFinal: false }],
  ["a text", "no", { error: { type: "STRING_ERROR", raw: "no" } }],
  ["anything else", { no: 1 }, { error: { type: "CUSTOM_ERROR", raw: '{"no":1}' } }],
  ["nothing", undefined, { error: { type: "CUSTOM_ERROR", raw: "The task threw undefined, which is no Error." } }],
  ["an empty text", "", { error: { type: "CUSTOM_ERROR", raw: 'The task threw "", which is no Error.' } }],
  ["a number", 5, { error: { type: "CUSTOM_ERROR", raw: "The task threw 5, which is no Error." } }],
  ["what has no text", nameless(), { error: { raw: "The task threw [object Object], which is no Error." } }],
  ["an error that ends all", new AbortTaskRunError("no"), { error: { message: "no" }, isFinal: true }],
])("what throws %s has failed with that", async ([_, thrown, report], { engine, served }) => {
  await served(() => Promise.reject(thrown));
  engine.start("run_1");
  await settle();
  expect(engine.reports).toMatchObject([{ what: "fail", ...report }]);
});

test("what went wrong with an attempt is said in one line, without the key", async ({ engine, lines, served }) => {
  await served((text: string) => {
    throw new RangeError(`${text}\n${secretKey} is no good${".".repeat(1_000)}`);
  });
  engine.start("run_1", { payload: "a", payloadType: "text/plain" });
  await settle();
  expect(lines[1]).toMatch(/^mine run_1: attempt 1 failed: RangeError: a \[secret key\] is no good\.{200,}…$/);
});

test("a payload that cannot be read, and an output that cannot be written, are no matter of the task", async ({
  engine,
  served,
}) => {
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

test("an output that the server finds too large fails the run", async ({ engine, served }) => {
  await served(() => "long");
  engine.script.set("/complete", [Response.json({ error: "Request body too large" }, { status: 413 })]);
  engine.start("run_1");
  await settle();
  expect(engine.reports.at(-1)).toMatchObject({ what: "fail", error: { code: "TASK_OUTPUT_ERROR" } });
});

test("an order that comes twice is carried out once", async ({ engine, served }) => {
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

test("a server that forgets it again and again is not asked all the time", async ({ engine, served }) => {
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

test("what came of a run is told until it is heard, and not when it does not count", async ({ engine, served }) => {
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

test("a server that does not know it any more is told what it holds, and says what is not its own", async ({
  engine,
  served,
}) => {
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

test("a run that is begun anew here ends what there was of it", async ({ engine, served }) => {
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

test("it goes on when the server is back, and says both once", async ({ engine, lines, served }) => {
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

test("the secret key is not in what the server is told of a failure", async ({ engine, served }) => {
  await served(() => {
    throw new Error(`the key is ${secretKey}`);
  });
  engine.start("run_1");
  await settle();
  expect(engine.reports).toHaveLength(1);
  expect(JSON.stringify(engine.reports)).not.toContain(secretKey);
});
