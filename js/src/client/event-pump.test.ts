import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";
import type { SendUpdate } from "./entries.js";

let harness: ReturnType<typeof pumpHarness>;

beforeEach(() => {
  harness = pumpHarness();
});

describe("starting", () => {
  it("loads nothing before the first send or subscription, and then once", async () => {
    const principal = harness.pump.openPrincipal(harness.endpoint, "token");
    expect(harness.loader.loads).toBe(0);
    const request = { principal, runId: "run_1", streamId: "s", json: "1", listener: () => {} };
    harness.pump.send(request);
    harness.pump.send(request);
    await settle();
    harness.pump.send(request);
    expect(harness.loader.loads).toBe(1);
    expect(harness.loader.engines).toHaveLength(1);
  });

  it("hands over in call order what was asked for while the core was loading", async () => {
    for (const json of ["1", "2", "3"]) harness.send("token", json);
    await settle();
    expect(harness.loader.engine.of("send").map((args) => args[3])).toEqual(["1", "2", "3"]);
  });

  it("reads from now on where that is asked, and from there on for good", async () => {
    harness.subscribe("latest");
    const before = Date.now();
    await settle();
    const [[, , , cursor]] = harness.loader.engine.of("subscribe") as [unknown[]];
    const [ms, count] = String(cursor).split("-").map(Number);
    expect(ms).toBeGreaterThanOrEqual(before);
    expect(ms).toBeLessThanOrEqual(Date.now());
    expect(count).toBe(0);
  });

  it("opens a principal with harness.endpoint, branch, renewability and token before it is used", async () => {
    const principal = harness.pump.openPrincipal({ baseURL: "https://x.example", branch: "feat" }, "token");
    harness.pump.send({ principal, runId: "run_1", streamId: "s", json: "1", listener: () => {} });
    await settle();
    expect(harness.loader.engine.calls).toEqual([
      ["openPrincipal", "https://x.example", "feat", false, false],
      ["setToken", 1, "token"],
      ["send", 1, "run_1", "s", "1"],
    ]);
  });

  it("cancels a send that the engine has not seen, without telling it", async () => {
    const { handle, updates } = harness.send();
    handle.cancel();
    await settle();
    expect(updates).toEqual([{ state: "cancelled", attempt: 0 }]);
    expect(harness.loader.engine.of("send")).toEqual([]);
  });
});

describe("a core that cannot be loaded", () => {
  it("rejects what waits with a sentence that says what to do", async () => {
    harness.loader.failure = new Error("network");
    const { updates } = harness.send();
    const stream = harness.subscribe();
    await settle();
    expect(updates[0]).toMatchObject({ state: "rejected" });
    const { error } = updates[0] as SendUpdate;
    expect(error).toMatchObject({ code: "engine-unavailable", retryable: true, outcome: "rejected" });
    expect(error?.message).toContain("could not be loaded");
    expect(stream.updates).toMatchObject([{ status: "failed", error: { code: "engine-unavailable" } }]);
  });

  it("is loaded anew for the next call, which also revives the streams", async () => {
    harness.loader.failure = new Error("network");
    harness.subscribe();
    const { handle, updates } = harness.send();
    await settle();
    harness.loader.failure = undefined;
    handle.retry();
    await settle();
    expect(updates.map(({ state }) => state)).toEqual(["rejected", "queued"]);
    expect(harness.loader.engine.of("send")).toHaveLength(1);
    expect(harness.loader.engine.of("subscribe")).toHaveLength(1);
  });
});

describe("routing", () => {
  it("tells a send's listener each state, with an error made from the problem", async () => {
    const { updates } = harness.send();
    await settle();
    const [id] = harness.loader.engine.idsOf("send") as [number];
    harness.loader.engine.changeSend(id, { state: "queued", waitingFor: "online", attempt: 0 });
    harness.loader.engine.changeSend(id, { state: "sending" });
    const error = {
      code: "forbidden",
      retryable: false,
      status: 403,
      missingScope: "write:inputStreams:run_1",
    } as const;
    harness.loader.engine.changeSend(id, { state: "rejected", error });
    expect(updates).toMatchObject([
      { state: "queued", waitingFor: "online" },
      { state: "sending" },
      { state: "rejected", error: { code: "forbidden", status: 403, outcome: "rejected" } },
    ]);
    expect(updates[2]?.error?.message).toContain('"write:inputStreams:run_1"');
  });

  it("delivers what the engine says inside a call after that call, when its id is known", async () => {
    const { principal } = harness.send();
    await settle();
    const engine = harness.loader.engine;
    const original = engine.send;
    engine.send = (...args) => {
      engine.changeSend(99, { state: "sending" });
      original(...args);
      return 99;
    };
    const states: string[] = [];
    const listener = ({ state }: SendUpdate) => states.push(state);
    harness.pump.send({ principal, runId: "run_1", streamId: "s", json: "1", listener });
    expect(states).toEqual(["sending"]);
  });

  it("frees what was not accepted when it is forgotten; of what was, the engine keeps nothing", async () => {
    const first = harness.send();
    const second = harness.send();
    await settle();
    const [one, two] = harness.loader.engine.idsOf("send") as [number, number];
    harness.loader.engine.changeSend(one, { state: "accepted" });
    harness.loader.engine.changeSend(two, { state: "unknown" });
    first.handle.forget();
    second.handle.forget();
    expect(harness.loader.engine.of("forgetSend")).toEqual([[two]]);
  });

  it("retries a settled send under its id, and never an accepted or a pending one", async () => {
    const { handle } = harness.send();
    await settle();
    const [id] = harness.loader.engine.idsOf("send") as [number];
    handle.retry();
    expect(harness.loader.engine.of("retrySend")).toEqual([]);
    harness.loader.engine.changeSend(id, { state: "unknown" });
    handle.retry();
    expect(harness.loader.engine.of("retrySend")).toEqual([[id]]);
    harness.loader.engine.changeSend(id, { state: "accepted" });
    handle.retry();
    expect(harness.loader.engine.of("retrySend")).toHaveLength(1);
    expect(harness.loader.engine.of("send")).toHaveLength(1);
  });

  it("gives a listener that retries from its own notification one new attempt", async () => {
    const principal = harness.pump.openPrincipal(harness.endpoint, "token");
    let retried = false;
    const listener = ({ state }: SendUpdate) => {
      if (state !== "rejected" || retried) return;
      retried = true;
      handle.retry();
    };
    const handle = harness.pump.send({ principal, runId: "run_1", streamId: "s", json: "1", listener });
    await settle();
    const [id] = harness.loader.engine.idsOf("send") as [number];
    harness.loader.engine.changeSend(id, { state: "rejected" });
    expect(harness.loader.engine.of("retrySend")).toEqual([[id]]);
  });

  it("brings parts, and nothing after a stream was closed", async () => {
    const { parts, updates, close } = harness.subscribe("7");
    await settle();
    expect(harness.loader.engine.of("subscribe")).toEqual([[1, "run_1", "draft", "7", 60]]);
    const [id] = harness.loader.engine.idsOf("subscribe") as [number];
    harness.loader.engine.parts(id, ["a", { b: 1 }], "9");
    close();
    close();
    harness.loader.engine.parts(id, ["late"], "10");
    harness.loader.engine.changeStream(id, { status: "reconnecting" });
    expect(parts).toEqual(["a", { b: 1 }]);
    expect(updates).toEqual([]);
    expect(harness.loader.engine.of("unsubscribe")).toEqual([[id]]);
  });

  it("closes a principal when its holder, its sends and its streams are all done", async () => {
    const { principal, handle } = harness.send();
    await settle();
    const [id] = harness.loader.engine.idsOf("send") as [number];
    harness.pump.release(principal);
    expect(harness.loader.engine.of("closePrincipal")).toEqual([]);
    harness.loader.engine.changeSend(id, { state: "rejected" });
    expect(harness.loader.engine.of("closePrincipal")).toEqual([[1]]);
    handle.retry();
    expect(harness.loader.engine.of("openPrincipal")).toHaveLength(2);
    expect(harness.loader.engine.of("send")).toHaveLength(2);
  });

  it("reports what a listener throws as uncaught and goes on", async () => {
    const uncaught: unknown[] = [];
    const record = (error: unknown) => uncaught.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", record);
    try {
      const principal = harness.pump.openPrincipal(harness.endpoint, "token");
      const listener = () => {
        throw new Error("from the application");
      };
      harness.pump.send({ principal, runId: "run_1", streamId: "s", json: "1", listener });
      const { updates } = harness.send();
      await settle();
      const [one, two] = harness.loader.engine.idsOf("send") as [number, number];
      harness.loader.engine.changeSend(one, { state: "accepted" });
      harness.loader.engine.changeSend(two, { state: "accepted" });
      expect(updates).toHaveLength(1);
      await vi.waitFor(() => expect(uncaught).toEqual([new Error("from the application")]));
    } finally {
      process.removeListener("uncaughtException", record);
      for (const other of others) process.on("uncaughtException", other);
    }
  });
});

describe("large parts", () => {
  const body = (data: string) => `{"data":${data},"id":"p1"}`;

  async function reading() {
    const told: unknown[][] = [];
    const listener = {
      changed: () => {},
      parts: (...args: unknown[]) => told.push(args),
      unreadable: ({ id, reason }: { id: string; reason: string }) => told.push([id, reason]),
    };
    const principal = harness.pump.openPrincipal(harness.endpoint, "token");
    const request = { principal, runId: "run_1", key: "draft", lastEventId: undefined, timeoutInSeconds: 60, listener };
    const stop = harness.pump.subscribe(request);
    await settle();
    const { engine } = harness.loader;
    const [stream] = engine.idsOf("subscribe") as [number];
    return { told, engine, stream, stop };
  }

  it("are parsed here, in order with the others, and their size is told", async () => {
    const { told, engine, stream } = await reading();
    const envelope = body('{"a":"\\"é\\""}');
    engine.parts(stream, [0], "0");
    engine.largePart(stream, envelope, "1", 2);
    engine.largePart(stream, ' {"a":1} ', "2", 1);
    engine.largePart(stream, '{"later":1,"id":"p2"}', "3", 2);
    engine.parts(stream, [4, 5], "5");
    expect(told).toEqual([
      [[0], "0", 3],
      [[{ a: '"é"' }], "1", envelope.length],
      [[{ a: 1 }], "2", 9],
      [[null], "3", expect.any(Number)],
      [[4, 5], "5", 5],
    ]);
  });

  it("that are not JSON are told as any record that cannot be read, and passed", async () => {
    const { told, engine, stream } = await reading();
    engine.parts(stream, [0], "0");
    engine.largePart(stream, body("1,"), "1", 2);
    engine.largePart(stream, "[1", "2", 1);
    engine.parts(stream, [3], "3");
    const reason = "the record is not a part in JSON";
    expect(told).toEqual([
      [[0], "0", 3],
      ["1", reason],
      ["2", reason],
      [[3], "3", 3],
    ]);
    engine.largePart(stream, "[1", "4", 1);
    engine.sink.crashed("here");
    await settle();
    expect(harness.loader.engine.of("subscribe")[0]?.[3], "the next engine goes on behind it").toBe("4");
  });

  it("wait for the end of a call as everything does", async () => {
    const { told, engine, stream, stop } = await reading();
    const original = engine.setReading;
    engine.setReading = (...args) => {
      engine.parts(stream, [0], "0");
      engine.largePart(stream, body("1"), "1", 2);
      engine.largePart(stream, "[1", "2", 1);
      expect(told).toEqual([]);
      return original(...args);
    };
    stop.setReading?.(false);
    expect(told).toEqual([
      [[0], "0", 3],
      [[1], "1", expect.any(Number)],
      ["2", "the record is not a part in JSON"],
    ]);
  });
});

describe("the page", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("tells the engine when it is online, shown, or restored", async () => {
    const target = new EventTarget();
    vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
    vi.stubGlobal("document", { visibilityState: "visible" });
    vi.stubGlobal("navigator", { onLine: false });
    harness.send();
    await settle();
    expect(harness.loader.engine.of("setOnline")).toEqual([[false]]);
    for (const name of ["online", "offline", "pageshow", "visibilitychange"]) target.dispatchEvent(new Event(name));
    expect(harness.loader.engine.of("setOnline")).toEqual([[false], [true], [false]]);
    expect(harness.loader.engine.of("wake")).toHaveLength(2);
  });
});
