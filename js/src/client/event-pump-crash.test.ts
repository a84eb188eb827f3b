import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";

let harness: ReturnType<typeof pumpHarness>;

beforeEach(() => {
  harness = pumpHarness();
});

describe("after a crash", () => {
  beforeEach(() => {
    vi.spyOn(console, "error").mockImplementation(() => {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("restarts, resumes streams behind the last record, queues what had not left, and owns up to the rest", async () => {
    const stream = harness.subscribe();
    const onItsWay = harness.send("token", "1");
    const queued = harness.send("token", "2");
    await settle();
    const dead = harness.loader.engine;
    const [one, two] = dead.idsOf("send") as [number, number];
    const [reader] = dead.idsOf("subscribe") as [number];
    dead.parts(reader, ["a"], "41");
    dead.changeSend(one, { state: "sending" });
    dead.changeSend(two, { state: "queued", waitingFor: "turn" });

    dead.sink.crashed("src/proto/sse.rs:1");
    dead.parts(reader, ["from the grave"], "42");
    await settle();

    expect(harness.loader.engines).toHaveLength(2);
    expect(harness.loader.engine.of("subscribe")).toEqual([[1, "run_1", "draft", "41", 60]]);
    expect(harness.loader.engine.of("send").map((args) => args[3])).toEqual(["2"]);
    expect(onItsWay.updates.at(-1)).toMatchObject({
      state: "unknown",
      error: { code: "engine-unavailable", outcome: "unknown" },
    });
    expect(queued.updates.at(-1)).toMatchObject({ state: "queued" });
    expect(stream.updates).toMatchObject([{ status: "reconnecting" }]);
    expect(stream.parts).toEqual(["a"]);
  });

  it("takes a trap in a call for a crash, and gives the fresh instance the newest token", async () => {
    const { principal, handle, updates } = harness.send(() => "first");
    await settle();
    harness.loader.engine.emit({ type: "token-needed", principal: 1 });
    await settle();
    const [id] = harness.loader.engine.idsOf("send") as [number];
    harness.loader.engine.changeSend(id, { state: "rejected" });
    harness.loader.engine.trapIn = "setToken";
    harness.pump.setToken(principal, "second");
    await settle();
    expect(harness.loader.engines).toHaveLength(2);
    handle.retry();
    expect(harness.loader.engine.of("setToken")).toEqual([[1, "second"]]);
    expect(harness.loader.engine.of("send")).toHaveLength(1);
    expect(updates.at(-1)).toMatchObject({ state: "queued" });
  });

  it("does not send again what trapped on its way out", async () => {
    harness.send("token", "1");
    await settle();
    harness.loader.engine.trapIn = "send";
    const second = harness.send("token", "2");
    await settle();
    expect(second.updates).toMatchObject([{ state: "unknown" }]);
    expect(harness.loader.engine.of("send")).toEqual([]);
  });

  it("believes what the engine said before it trapped", async () => {
    const first = harness.send("token", "1");
    await settle();
    const engine = harness.loader.engine;
    const [id] = engine.idsOf("send") as [number];
    engine.wake = () => {
      engine.changeSend(id, { state: "accepted" });
      throw new WebAssembly.RuntimeError("unreachable");
    };
    engine.retrySend = engine.wake;
    engine.changeSend(id, { state: "rejected" });
    first.handle.retry();
    expect(first.updates.at(-1)).toMatchObject({ state: "accepted" });
  });

  it("gives up after the third crash in a minute, until somebody asks again", async () => {
    const stream = harness.subscribe();
    const { handle, updates } = harness.send();
    for (let round = 0; round < 3; round += 1) {
      await settle();
      harness.loader.engine.changeSend(harness.loader.engine.idsOf("send")[0] as number, {
        state: "queued",
        waitingFor: "turn",
      });
      harness.loader.engine.sink.crashed("somewhere");
    }
    await settle();
    expect(harness.loader.engines).toHaveLength(3);
    expect(updates.at(-1)).toMatchObject({ state: "rejected", error: { code: "engine-unavailable", retryable: true } });
    expect(stream.updates.at(-1)).toMatchObject({ status: "failed" });
    handle.retry();
    await settle();
    expect(harness.loader.engines).toHaveLength(4);
    expect(harness.loader.engine.of("subscribe")).toHaveLength(1);
  });
});
