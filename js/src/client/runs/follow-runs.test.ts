import { afterEach, describe, expect, test, vi } from "vitest";
import { settle } from "../../testing/fake-engine.js";
import { insertRun, RUN_SCHEMA as schema, updateRun } from "../../testing/runs.js";
import type { RunsTarget } from "./target.js";

afterEach(() => vi.unstubAllGlobals());

async function harness(target: RunsTarget = { tags: "a" }, storedPackets?: "load" | "on-demand") {
  // Afresh where a test has reset the modules, since what has been loaded once is there at once.
  const { pumpHarness } = await import("../../testing/pump-harness.js");
  const { loader, runs } = pumpHarness();
  const followed = runs(target, storedPackets);
  await settle();
  const [feed = 0] = loader.engine.idsOf("follow");
  return { loader, feed, ...followed };
}

test("what the engine is asked to follow", async () => {
  const { loader, stop, feed } = await harness({ runId: "run_1", skipColumns: ["payload"] });
  expect(loader.engine.of("follow")).toEqual([[1, 0, "run_1", "skipColumns=payload", false]]);
  stop();
  stop();
  expect(loader.engine.of("unfollow")).toEqual([[feed]]);
});

test("runs are told once they are complete, all of them and those that changed", async () => {
  const { loader, feed, told } = await harness();
  loader.engine.rows(feed, [insertRun("run_1")], { schema, complete: false });
  expect(told).toEqual([]);
  loader.engine.rows(feed, [insertRun("run_2")]);
  expect(told).toHaveLength(1);
  expect(told[0]?.all.map(({ id }) => id)).toEqual(["run_1", "run_2"]);
  loader.engine.rows(feed, [updateRun("run_2", { status: "CANCELED" })]);
  expect(told[1]?.changed).toHaveLength(1);
  expect(told[1]?.changed[0]).toMatchObject({ id: "run_2", isCancelled: true, payload: { seconds: 200 } });
  expect(told[1]?.all[0]).toBe(told[0]?.all[0]);
  expect(told[1]?.all[1]).not.toBe(told[0]?.all[1]);
});

test("an empty snapshot is told, and polls without news are not", async () => {
  const { loader, feed, told } = await harness();
  loader.engine.rows(feed, [], { schema });
  expect(told).toEqual([{ all: [], changed: [] }]);
  loader.engine.rows(feed, []);
  loader.engine.rows(feed, [], { fresh: true });
  expect(told).toHaveLength(1);
});

test("what a fresh snapshot does not name is gone", async () => {
  const { loader, feed, told } = await harness();
  loader.engine.rows(feed, [insertRun("run_1"), insertRun("run_2")], { schema });
  loader.engine.rows(feed, [insertRun("run_2")], { fresh: true });
  expect(told[1]?.all).toEqual([told[0]?.all[1]]);
  expect(told[1]?.changed).toEqual([]);
});

test("a packet keeps its object while its text stays the same", async () => {
  const { loader, feed, told } = await harness();
  loader.engine.rows(feed, [insertRun("run_1", { metadata: '{"step":1}' })], { schema });
  loader.engine.rows(feed, [updateRun("run_1", { usageDurationMs: "13" })]);
  loader.engine.rows(feed, [updateRun("run_1", { metadata: '{"step":2}' })]);
  const [first, second, third] = told.map(({ changed: [run] }) => run);
  expect(second?.payload).toBe(first?.payload);
  expect(second?.metadata).toBe(first?.metadata);
  expect(third?.payload).toBe(first?.payload);
  expect(third?.metadata).toEqual({ step: 2 });
});

test("a packet that cannot be read is left out and told", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const { loader, feed, told } = await harness();
  loader.engine.rows(feed, [insertRun("run_odd", { metadata: "{odd", runTags: "{odd" })], { schema });
  const run = told[0]?.all[0];
  expect(run).toMatchObject({ id: "run_odd", tags: [], payload: { seconds: 200 } });
  expect(run?.metadata).toBeUndefined();
  expect(warn.mock.calls.map(([text]) => String(text).split(":")[1])).toEqual([
    " runTags of the run run_odd cannot be read and is left out",
    " metadata of the run run_odd cannot be read and is left out",
  ]);
  warn.mockRestore();
});

test("a payload that cannot be read rejects for whoever asks for it", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const { loader, feed, told } = await harness();
  loader.engine.rows(feed, [insertRun("run_1", { payload: "{odd" })], { schema });
  await expect(told[0]?.all[0]?.loadPayload()).rejects.toMatchObject({ code: "protocol" });
});

test("a packet whose reader could not be loaded is left out, and can be asked for later", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.resetModules();
  vi.doMock("./super-json.js", () => {
    throw new Error("offline");
  });
  const { loader, feed, told } = await harness();
  const payload = JSON.stringify({ json: "1", meta: { values: ["bigint"] } });
  loader.engine.rows(feed, [insertRun("run_1", { payload, payloadType: "application/super+json" })], { schema });
  await vi.waitFor(() => expect(told).toHaveLength(1));
  const run = told[0]?.all[0];
  expect(run?.payload).toBeUndefined();
  await expect(run?.loadPayload()).rejects.toMatchObject({ code: "engine-unavailable", retryable: true });
  vi.doUnmock("./super-json.js");
  await expect(run?.loadPayload()).resolves.toBe(1n);
});

test("the news of a feed come in order, also where a packet has to wait for its reader", async () => {
  vi.resetModules();
  const { loader, feed, told, order } = await harness({ runId: "run_1" });
  const output = JSON.stringify({ json: "2026-01-01T00:00:00.000Z", meta: { values: ["Date"] } });
  loader.engine.changeFeed(feed, { status: "live" });
  loader.engine.rows(feed, [insertRun("run_1", { output, outputType: "application/super+json" })], { schema });
  loader.engine.rows(feed, [updateRun("run_1", { completedAt: "2026-11-21T22:56:09.070" })]);
  loader.engine.changeFeed(feed, { status: "ended", endReason: "run-finished" });
  expect(order).toEqual(["live"]);
  await vi.waitFor(() => expect(order).toEqual(["live", "runs", "runs", "ended"]));
  expect(told.map(({ changed: [run] }) => [run?.output, run?.finishedAt !== undefined])).toEqual([
    [new Date("2026-01-01T00:00:00.000Z"), false],
    [new Date("2026-01-01T00:00:00.000Z"), true],
  ]);
});

test("nothing is told after the stop, whatever was on its way", async () => {
  vi.resetModules();
  const { loader, feed, order, stop } = await harness();
  const payload = JSON.stringify({ json: "1", meta: { values: ["bigint"] } });
  loader.engine.rows(feed, [insertRun("run_1", { payload, payloadType: "application/super+json" })], { schema });
  stop();
  loader.engine.rows(feed, [insertRun("run_2")], { schema });
  // What it was waiting for.
  await import("./super-json.js");
  await settle();
  expect(order).toEqual([]);
});

test("after the engine has been restarted it follows anew, and what is the same is not told again", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { loader, feed, told, order } = await harness();
  loader.engine.rows(feed, [insertRun("run_1")], { schema });
  loader.engine.sink.crashed("here");
  await settle();
  expect(loader.engines).toHaveLength(2);
  const [again = 0] = loader.engine.idsOf("follow");
  loader.engine.rows(again, [insertRun("run_1")], { schema });
  loader.engine.rows(again, [insertRun("run_2")]);
  expect(order).toEqual(["runs", "reconnecting", "runs"]);
  expect(told[1]?.all[0]).toBe(told[0]?.all[0]);
});

describe("packets in the object store", () => {
  const stored = (path: string) => ({ output: path, outputType: "application/store" });
  const packet = (text: string, type = "application/json") => new Response(text, { headers: { "content-type": type } });
  let objects = 0;
  const path = () => `runs/${objects++}/output.json`;

  async function answered(engine: Awaited<ReturnType<typeof harness>>["loader"]["engine"], nth = 0) {
    await vi.waitFor(() => expect(engine.idsOf("call").length).toBeGreaterThan(nth));
    engine.answerCall(engine.idsOf("call")[nth] as number, { presignedUrl: `https://store.example.com/${nth}` });
  }

  test("a run is told without its packet, and again with it", async () => {
    const fetch = vi.fn(async () => packet('{"big":true}'));
    vi.stubGlobal("fetch", fetch);
    const { loader, feed, told } = await harness();
    const where = path();
    loader.engine.rows(feed, [insertRun("run_1", stored(where))], { schema });
    expect(told[0]?.all[0]?.output).toBeUndefined();
    await vi.waitFor(() => expect(loader.engine.of("call")).toEqual([[1, 4, where, ""]]));
    await answered(loader.engine);
    await vi.waitFor(() => expect(told).toHaveLength(2));
    expect(told[1]?.changed).toEqual([told[1]?.all[0]]);
    expect(told[1]?.all[0]?.output).toEqual({ big: true });
    expect(fetch.mock.calls).toEqual([["https://store.example.com/0", { signal: expect.any(AbortSignal) }]]);
    loader.engine.rows(feed, [updateRun("run_1", { usageDurationMs: "99" })]);
    expect(told[2]?.all[0]?.output).toBe(told[1]?.all[0]?.output);
    expect(loader.engine.of("call")).toHaveLength(1);
  });

  test("the end of a feed waits for what it is the end of", async () => {
    vi.stubGlobal("fetch", async () => packet("1"));
    const { loader, feed, order } = await harness({ runId: "run_1" });
    loader.engine.rows(feed, [insertRun("run_1", stored(path()))], { schema });
    loader.engine.changeFeed(feed, { status: "ended", endReason: "run-finished" });
    await answered(loader.engine);
    await vi.waitFor(() => expect(order).toEqual(["runs", "runs", "ended"]));
  });

  test("one that cannot be had is told, and the feed goes on", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    vi.stubGlobal("fetch", async () => new Response("", { status: 403 }));
    const { loader, feed, told, order } = await harness();
    loader.engine.rows(feed, [insertRun("run_1", stored(path()))], { schema });
    await answered(loader.engine);
    await vi.waitFor(() => expect(console.warn).toHaveBeenCalled());
    loader.engine.rows(feed, [updateRun("run_1", { usageDurationMs: "99" })]);
    loader.engine.changeFeed(feed, { status: "live" });
    expect(order).toEqual(["runs", "runs", "live"]);
    expect(told[1]?.all[0]?.durationMs).toBe(99);
    expect(loader.engine.of("call")).toHaveLength(1);
    expect(String(vi.mocked(console.warn).mock.calls)).not.toContain("store.example.com");
  });

  test("a store that is down is asked again, at a new address", async () => {
    vi.useFakeTimers();
    const fetch = vi.fn(async () => packet("7"));
    fetch.mockRejectedValueOnce(new TypeError("fetch failed"));
    fetch.mockResolvedValueOnce(new Response("", { status: 503 }));
    vi.stubGlobal("fetch", fetch);
    const { loader, feed, told } = await harness();
    loader.engine.rows(feed, [insertRun("run_1", stored(path()))], { schema });
    for (const nth of [0, 1, 2]) {
      await vi.waitFor(() => expect(loader.engine.idsOf("call")).toHaveLength(nth + 1));
      loader.engine.answerCall(loader.engine.idsOf("call")[nth] as number, {
        presignedUrl: `https://store.example.com/${nth}`,
      });
      await vi.advanceTimersByTimeAsync(10_000);
    }
    vi.useRealTimers();
    expect(told[1]?.all[0]?.output).toBe(7);
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  test("on demand it is fetched when somebody asks, once for all who do", async () => {
    const fetch = vi.fn(async () => packet('{"json":[1]}', "application/super+json"));
    vi.stubGlobal("fetch", fetch);
    const { loader, feed, told } = await harness({ tags: "a" }, "on-demand");
    loader.engine.rows(feed, [insertRun("run_1", stored(path()))], { schema });
    await settle();
    expect(loader.engine.of("call")).toEqual([]);
    const both = Promise.all([told[0]?.all[0]?.loadOutput(), told[0]?.all[0]?.loadOutput()]);
    await answered(loader.engine);
    const [one, other] = await both;
    expect(one).toEqual([1]);
    expect(other).toBe(one);
    expect(fetch).toHaveBeenCalledTimes(1);
    expect(told).toHaveLength(1);
  });

  test("what nobody has used for longest is forgotten first, by size", async () => {
    const big = JSON.stringify("x".repeat(2 ** 22));
    vi.stubGlobal("fetch", async () => packet(big));
    const { loader, feed, told } = await harness({ tags: "a" }, "on-demand");
    const paths = Array.from({ length: 5 }, path);
    loader.engine.rows(
      feed,
      paths.map((where, nth) => insertRun(`run_${nth}`, stored(where))),
      { schema },
    );
    const load = async (nth: number) => {
      const asked = loader.engine.of("call").length;
      let isLoaded = false;
      const loaded = told[0]?.all[nth]?.loadOutput().then(() => {
        isLoaded = true;
      });
      await vi.waitFor(() => expect(isLoaded || loader.engine.of("call").length > asked).toBe(true), { interval: 1 });
      if (!isLoaded) await answered(loader.engine, asked);
      await loaded;
      return loader.engine.of("call").length > asked;
    };
    for (const nth of [0, 1, 2]) expect(await load(nth)).toBe(true);
    expect(await load(0)).toBe(false);
    for (const nth of [3, 4]) expect(await load(nth)).toBe(true);
    expect(await load(0)).toBe(false);
    expect(await load(1)).toBe(true);
  });

  test("four are fetched at once at most", async () => {
    vi.stubGlobal("fetch", async () => packet("1"));
    const { loader, feed, told } = await harness();
    loader.engine.rows(
      feed,
      [0, 1, 2, 3, 4, 5].map((nth) => insertRun(`run_${nth}`, stored(path()))),
      { schema },
    );
    await vi.waitFor(() => expect(loader.engine.of("call")).toHaveLength(4));
    await settle();
    expect(loader.engine.of("call")).toHaveLength(4);
    for (const nth of [0, 1, 2, 3, 4, 5]) await answered(loader.engine, nth);
    await vi.waitFor(() => expect(told.at(-1)?.all.every(({ output }) => output === 1)).toBe(true));
  });
});
