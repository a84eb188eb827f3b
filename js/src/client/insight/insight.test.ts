import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../../testing/fake-engine.js";
import { fakePage } from "../../testing/fake-page.js";
import { fakeJwt } from "../../testing/tokens.js";
import { createClient } from "../create-client.js";
import { pageWatch } from "../watch.js";
import type { TidegateEvent, TidegateEvents } from "./events.js";

vi.mock("../../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../../testing/fake-page.js")).loadCore,
}));

beforeEach(() => fakePage.reset());
afterEach(() => {
  vi.restoreAllMocks();
  performance.clearMarks();
  performance.clearMeasures();
});

const newest = (kind: "send" | "subscribe" | "follow" | "call") => fakePage.loader.engine.idsOf(kind).at(-1) as number;
const told = async () => {
  await vi.dynamicImportSettled();
  await settle();
};

/** A client, and all that it tells, without the times. */
function listening(accessToken: string | (() => string) = "t") {
  const client = createClient({ accessToken, baseURL: "https://api.example.com" });
  const events: object[] = [];
  const stop = client.on("*", ({ atMs, ...event }) => {
    expect(Math.abs(atMs - Date.now())).toBeLessThan(10_000);
    if ("afterMs" in event) event = { ...event, afterMs: Math.sign(event.afterMs as number) };
    events.push(event);
  });
  const take = async () => {
    await told();
    return events.splice(0);
  };
  return { client, events, stop, take };
}

describe("events", () => {
  it("tell of the core and of a send, also what happened before their code had loaded", async () => {
    const { client, take } = listening();
    const sent = client.send("run_1", "approval", { secret: "payload" });
    const about = { type: "send", principal: 1, send: 1, runId: "run_1", streamId: "approval" };
    expect(await take()).toEqual([
      { type: "send", principal: 1, send: 1, runId: "run_1", streamId: "approval", state: "queued", attempt: 0 },
      { type: "engine", state: "loading" },
      { type: "engine", state: "running", kind: "wasm", afterMs: 1 },
    ]);
    const { engine } = fakePage.loader;
    engine.changeSend(newest("send"), { state: "queued", attempt: 0, waitingFor: "token" });
    engine.changeSend(newest("send"), { state: "sending" });
    engine.changeSend(newest("send"), { state: "sending" });
    const problem = { code: "server", retryable: true, status: 502, serverMessage: "secret" } as const;
    engine.changeSend(newest("send"), { state: "queued", waitingFor: "backoff", error: problem });
    engine.changeSend(newest("send"), { state: "accepted", attempt: 2 });
    await sent;
    expect(await take()).toEqual([
      { ...about, state: "queued", waitingFor: "token", attempt: 0 },
      { ...about, state: "sending", attempt: 1 },
      { ...about, state: "queued", waitingFor: "backoff", attempt: 1, code: "server", httpStatus: 502 },
      { ...about, state: "accepted", attempt: 2, afterMs: 1 },
    ]);
  });

  it("tell of a send that its schema refuses, which no engine hears of", async () => {
    const { client, take } = listening();
    const validate = () => ({ issues: [{ message: "secret" }] });
    const schema = { "~standard": { version: 1 as const, vendor: "test", validate } };
    await expect(client.send("run_1", "approval", 1, { schema })).rejects.toMatchObject({ code: "invalid-data" });
    expect(await take()).toMatchObject([
      { type: "send", state: "queued" },
      { type: "send", state: "rejected", code: "invalid-data" },
    ]);
  });

  it("tell of a reader from its connection to its end, with its first part and what was left out", async () => {
    const { client, take } = listening();
    client.stream("run_1", "draft", { onUnreadable: () => {} });
    await take();
    const { engine } = fakePage.loader;
    const id = newest("subscribe");
    const about = { principal: 1, reader: 1, kind: "stream", runId: "run_1", key: "draft" };
    engine.changeStream(id, { status: "live" });
    engine.parts(id, ["secret"], "1");
    engine.parts(id, ["secret"], "2");
    engine.emit({ type: "record-unreadable", subscription: id, id: "3", reason: "no sequence number" });
    engine.changeStream(id, {
      status: "reconnecting",
      attempt: 2,
      retryInMs: 500,
      error: { code: "blocked", retryable: true },
    });
    engine.changeStream(id, { status: "connecting" });
    engine.changeStream(id, { status: "ended", endReason: "run-finished" });
    expect(await take()).toEqual([
      { type: "connect", ...about },
      { type: "first-part", ...about, afterMs: 1 },
      { type: "gap", ...about, id: "3", reason: "no sequence number" },
      { type: "retry", ...about, attempt: 2, retryInMs: 500, code: "blocked" },
      { type: "end", ...about, state: "ended", reason: "run-finished" },
    ]);
  });

  it("name feeds by their run or batch, and tags by how many there are", async () => {
    const { client, take } = listening();
    const { engine } = await (async () => {
      client.run("run_1");
      await take();
      return fakePage.loader;
    })();
    client.runs({ tags: ["ana@example.com", "bo"] });
    client.batch("batch_1");
    await take();
    for (const id of engine.idsOf("follow")) engine.changeFeed(id, { status: "live" });
    expect(await take()).toEqual([
      { type: "connect", principal: 1, reader: 1, kind: "run", runId: "run_1" },
      { type: "connect", principal: 1, reader: 2, kind: "runs", tags: 2 },
      { type: "connect", principal: 1, reader: 3, kind: "batch", batchId: "batch_1" },
    ]);
  });

  it("tell of tokens: wanted, here until then, not to be had", async () => {
    const token = fakeJwt({ exp: 1_900_000_000 });
    const answers = [token, ""];
    const { client, take } = listening(() => answers.shift() as string);
    client.stream("run_1");
    await take();
    fakePage.loader.engine.emit({ type: "token-needed", principal: 1 });
    expect(await take()).toEqual([
      { type: "token", principal: 1, state: "needed" },
      { type: "token", principal: 1, state: "received", expiresAtMs: 1_900_000_000_000 },
    ]);
    vi.spyOn(console, "warn").mockImplementation(() => {});
    fakePage.loader.engine.emit({ type: "token-needed", principal: 1 });
    expect(await take()).toEqual([
      { type: "token", principal: 1, state: "needed" },
      { type: "token", principal: 1, state: "failed" },
    ]);
  });

  it("tell of a crash with its place, of nothing that an exception says, and of the core that takes over", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { client, take } = listening();
    client.stream("run_1");
    await take();
    fakePage.loader.engine.sink.crashed("src/proto/send.rs:7");
    expect(await take()).toMatchObject([
      { type: "engine", state: "crashed", place: "src/proto/send.rs:7" },
      { type: "retry", attempt: 1 },
      { type: "engine", state: "loading" },
      { type: "engine", state: "running" },
    ]);
    fakePage.loader.engine.trapIn = "wake";
    fakePage.loader.engine.sink.crashed("secret");
    expect((await take())[0]).toEqual({ type: "engine", state: "crashed" });
  });

  it("tell of the core that comes second, once", async () => {
    fakePage.loader.isSplit = true;
    const { client, take } = listening();
    client.send("run_1", "approval", 1).catch(() => {});
    await take();
    client.run("run_1");
    client.runs({ tags: [] });
    expect(await take()).toEqual([
      { type: "engine", state: "loading" },
      { type: "engine", state: "running", kind: "wasm", afterMs: 1 },
    ]);
    const [small, large] = fakePage.loader.engines;
    large?.rows(newest("follow"), [], { complete: true });
    small?.changeSend(small.idsOf("send")[0] as number, { state: "sending" });
    small?.sink.crashed("src/proto/send.rs:7");
    expect(await take()).toMatchObject([
      { type: "first-part", kind: "runs" },
      { type: "send", state: "sending" },
      { type: "engine", state: "crashed" },
      { type: "send", state: "unknown" },
    ]);
  });

  it("tell that the core cannot be had, and not in the words of what was thrown", async () => {
    fakePage.loader.failure = new Error("secret");
    const { client, take } = listening();
    client
      .stream("run_1")
      .next()
      .catch(() => {});
    const stream = { kind: "stream", runId: "run_1", key: "default" };
    expect(await take()).toEqual([
      { type: "engine", state: "loading" },
      { type: "engine", state: "failed" },
      { type: "end", principal: 1, reader: 1, ...stream, state: "failed", code: "engine-unavailable" },
    ]);
  });

  it("are those of the client, and of the type that was asked for, until it is taken back", async () => {
    const { client, events, stop, take } = listening();
    const other = createClient({ accessToken: "other" });
    const gaps: TidegateEvent[] = [];
    client.on("gap", (event) => gaps.push(event));
    other.stream("run_1", "a");
    client.stream("run_1", "b", { onUnreadable: () => {} });
    await take();
    const [first, second] = fakePage.loader.engine.idsOf("subscribe") as [number, number];
    for (const id of [first, second]) fakePage.loader.engine.changeStream(id, { status: "live" });
    expect(await take()).toMatchObject([{ type: "connect", key: "b" }]);
    stop();
    fakePage.loader.engine.emit({ type: "record-unreadable", subscription: second, id: "9", reason: "odd" });
    await told();
    expect(events).toEqual([]);
    expect(gaps).toMatchObject([{ id: "9" }]);
  });

  it("of before a listener came are not told to it", async () => {
    const { client } = listening();
    client.stream("run_1");
    const late: string[] = [];
    await settle();
    const since = performance.now();
    while (performance.now() === since);
    client.on("engine", ({ state }) => late.push(state));
    await told();
    expect(late).toEqual([]);
  });

  it("go to the other listeners and change nothing, where one throws or closes the client", async () => {
    const thrown = new Error("listener");
    const uncaught: unknown[] = [];
    const hear = (error: unknown) => uncaught.push(error);
    process.on("uncaughtException", hear);
    const client = createClient({ accessToken: "t" });
    client.on("*", () => {
      throw thrown;
    });
    const states: string[] = [];
    client.on("send", ({ state }) => {
      states.push(state);
      if (state === "sending") client.close();
    });
    const sent = client.send("run_1", "approval", 1);
    await told();
    fakePage.loader.engine.changeSend(newest("send"), { state: "sending" });
    await told();
    fakePage.loader.engine.changeSend(newest("send"), { state: "accepted" });
    await expect(sent).resolves.toMatchObject({ runId: "run_1" });
    await told();
    expect(states).toEqual(["queued", "sending", "accepted"]);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("uncaughtException", hear);
    expect(new Set(uncaught)).toEqual(new Set([thrown]));
  });

  it("end with their client, once what its closing brings about has been told", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const { client, take } = listening();
    const sent = client.send("run_1", "approval", 1);
    await take();
    client.close();
    fakePage.loader.engine.changeSend(newest("send"), { state: "cancelled" });
    await sent.catch(() => {});
    expect(await take()).toMatchObject([{ type: "send", state: "cancelled" }]);
    vi.runAllTimers();
    vi.useRealTimers();
    expect(pageWatch().listening.size).toBe(0);
    expect(pageWatch().observe).toBeUndefined();
    expect(() => client.on("*", () => {})).toThrow(/closed/);
  });

  it("need a function", () => {
    const client = createClient({ accessToken: "t" });
    expect(() => client.on("send", undefined as never)).toThrow(/takes the type of an event/);
    expect(pageWatch().observe).toBeUndefined();
  });

  it("are refused by a name that there is not, and taken by each there is", () => {
    const client = createClient({ accessToken: "t" });
    const refused = expect.objectContaining({ code: "invalid-options", message: expect.stringContaining('"nope"') });
    expect(() => client.on("nope" as never, () => {})).toThrow(refused);
    expect(pageWatch().observe).toBeUndefined();
    const types: Record<keyof TidegateEvents | "*", true> = {
      ...{ connect: true, retry: true, end: true, "first-part": true, gap: true },
      ...{ token: true, send: true, engine: true, "*": true },
    };
    for (const type of Object.keys(types)) client.on(type as "*", () => {})();
  });
});

describe("performance entries", () => {
  const entries = () =>
    performance
      .getEntries()
      .filter(({ name }) => name.startsWith("tidegate:"))
      .map(({ name, entryType }) => `${entryType} ${name}`);

  it("are written from the call on, until it is taken back", async () => {
    const client = createClient({ accessToken: "t" });
    const stop = client.measure();
    const sent = client.send("run_1", "approval", { secret: true });
    client.stream("run_1", "draft");
    await told();
    const { engine } = fakePage.loader;
    engine.changeStream(newest("subscribe"), { status: "live" });
    engine.parts(newest("subscribe"), ["secret"], "1");
    engine.changeSend(newest("send"), { state: "accepted" });
    await sent;
    await told();
    expect(entries().sort()).toEqual([
      "mark tidegate:connect",
      "measure tidegate:first-part",
      "measure tidegate:load",
      "measure tidegate:send",
    ]);
    const [measured] = performance.getEntriesByName("tidegate:send") as PerformanceMeasure[];
    expect(measured?.duration).toBeGreaterThan(0);
    expect(measured?.detail).toMatchObject({ type: "send", state: "accepted" });
    expect(JSON.stringify(performance.getEntries())).not.toContain("secret");
    stop();
    engine.changeStream(newest("subscribe"), { status: "live" });
    await told();
    expect(entries()).toHaveLength(4);
  });

  it("are not written unasked", async () => {
    const { client } = listening();
    client.stream("run_1");
    await told();
    expect(entries()).toEqual([]);
  });
});
