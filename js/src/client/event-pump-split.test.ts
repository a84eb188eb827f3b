import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type FakeEngine, settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";
import { callerOf } from "./caller.js";
import { EventPump } from "./event-pump.js";

let harness: ReturnType<typeof pumpHarness>;

beforeEach(() => {
  harness = pumpHarness();
  harness.loader.isSplit = true;
});
afterEach(() => {
  vi.restoreAllMocks();
});

const engines = () => harness.loader.engines as [FakeEngine, FakeEngine];
const firstId = (engine: FakeEngine, name: "send" | "subscribe" | "follow" | "call") => engine.idsOf(name)[0] as number;
const trigger = (principal = harness.pump.openPrincipal(harness.endpoint, "token")) =>
  callerOf(harness.pump).call({ principal, what: 0, name: "task", body: "{}" });

it("has one engine where the first thing wanted is a feed", async () => {
  harness.runs({ runId: "run_1" });
  harness.send();
  harness.subscribe();
  await settle();
  expect(harness.loader.engines).toHaveLength(1);
  expect(harness.loader.engine.of("follow")).toHaveLength(1);
  expect(harness.loader.engine.of("send")).toHaveLength(1);
  expect(harness.loader.engine.of("subscribe")).toHaveLength(1);
});

it("keeps what the other core will carry where one cannot be loaded", async () => {
  let arrive = () => {};
  const { load } = harness.loader;
  const small = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const pump = new EventPump((runs) => (runs ? Promise.reject(new TypeError("lost")) : small.then(() => load())));
  const principal = pump.openPrincipal(harness.endpoint, "token");
  const states: string[] = [];
  const listener = ({ state }: { state: string }) => states.push(state);
  pump.send({ principal, runId: "run_1", streamId: "approval", json: "1", listener });
  await settle();
  const call = callerOf(pump).call({ principal, what: 0, name: "task", body: "{}" });
  call.catch(() => {});
  await settle();
  expect(states).not.toContain("rejected");
  arrive();
  await settle();
  expect(harness.loader.engine.of("send")).toHaveLength(1);
  await expect(call).rejects.toMatchObject({ code: "engine-unavailable" });
});

it("takes readers over behind their last record, held or not, and leaves those that have ended", async () => {
  const read = harness.subscribe();
  const held = harness.subscribe("7");
  const ended = harness.subscribe();
  await settle();
  const [small] = engines();
  const [one, , three] = small.idsOf("subscribe") as [number, number, number];
  small.parts(one, ["a"], "41");
  small.changeStream(three, { status: "ended" });
  held.close.setReading?.(false);

  harness.runs({ runId: "run_1" });
  await settle();
  const [, large] = engines();
  expect(small.of("unsubscribe").map(([id]) => id)).toEqual([one, held && small.idsOf("subscribe")[1]]);
  expect(large.of("subscribe").map((args) => args[3])).toEqual(["41", "7"]);
  expect(large.of("setReading")).toEqual([[large.idsOf("subscribe")[1], false]]);
  expect(small.of("free"), "nothing is left in it").toHaveLength(1);

  small.parts(one, ["late"], "42");
  large.parts(firstId(large, "subscribe"), ["b"], "42");
  expect(read.parts).toEqual(["a", "b"]);
  expect(ended.updates.at(-1)).toMatchObject({ status: "ended" });
  read.close();
  expect(large.of("unsubscribe")).toEqual([[firstId(large, "subscribe")]]);
});

it("leaves sends where they are, lines new ones up behind them, and gives that engine up after the last", async () => {
  const first = harness.send("token", "1");
  await settle();
  const [small] = engines();
  const one = firstId(small, "send");
  small.changeSend(one, { state: "sending" });
  harness.runs({ runId: "run_1" });
  await settle();
  const [, large] = engines();
  const second = harness.send("token", "2");
  expect(small.of("send").map((args) => args[3])).toEqual(["1", "2"]);
  expect(large.of("send")).toEqual([]);

  small.changeSend(one, { state: "unknown" });
  first.handle.retry();
  expect(small.of("retrySend"), "under the same key").toEqual([[one]]);
  small.changeSend(one, { state: "accepted" });
  expect(small.of("free")).toEqual([]);
  small.changeSend(small.idsOf("send")[1] as number, { state: "accepted" });
  expect(small.of("free")).toHaveLength(1);

  harness.send("token", "3");
  expect(large.of("send").map((args) => args[3])).toEqual(["3"]);
  expect([first, second].map(({ updates }) => updates.at(-1)?.state)).toEqual(["accepted", "accepted"]);
});

it("asks for a token once for both, and tells a failure only to the one that asked", async () => {
  let refuse = (_: Error) => {};
  const provide = vi.fn(() => new Promise<string>((_, reject) => (refuse = reject)));
  const { principal } = harness.send(provide as never);
  await settle();
  const [small] = engines();
  trigger(principal).catch(() => {});
  await settle();
  const [, large] = engines();
  vi.spyOn(console, "warn").mockImplementation(() => {});
  small.emit({ type: "token-needed", principal: 1 });
  await settle();
  refuse(new Error("no"));
  await settle();
  expect(small.of("failToken")).toHaveLength(1);
  expect(large.of("failToken")).toEqual([]);

  provide.mockImplementation(async () => "fresh");
  small.emit({ type: "token-needed", principal: 1 });
  large.emit({ type: "token-needed", principal: 1 });
  await settle();
  expect(provide).toHaveBeenCalledTimes(2);
  for (const engine of engines()) expect(engine.of("setToken")).toEqual([[1, "fresh"]]);
  harness.pump.setToken(principal, "by hand");
  for (const engine of engines()) expect(engine.of("setRenewable")).toEqual([[1, false]]);
});

it("loses only what the crashed one had: sends end unknown, or go to the other, and readers stay", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const left = harness.send("token", "1");
  const waits = harness.send("token", "2");
  const stream = harness.subscribe();
  await settle();
  const [small] = engines();
  const [one, two] = small.idsOf("send") as [number, number];
  small.changeSend(one, { state: "sending" });
  small.changeSend(two, { state: "queued", waitingFor: "turn" });
  harness.runs({ runId: "run_1" });
  await settle();
  small.sink.crashed("somewhere");
  await settle();
  const [, large] = engines();
  expect(harness.loader.engines).toHaveLength(2);
  expect(left.updates.at(-1)).toMatchObject({ state: "unknown" });
  expect(waits.updates.at(-1)).toMatchObject({ state: "queued" });
  expect(large.of("send").map((args) => args[3])).toEqual(["2"]);
  expect(stream.updates).toEqual([]);
});

it("goes on without feeds and calls where their core cannot be loaded, and tries again for the next one", async () => {
  const stream = harness.subscribe();
  const sent = harness.send();
  await settle();
  harness.loader.failure = new Error("network");
  const feed = harness.runs({ runId: "run_1" });
  await expect(trigger()).rejects.toMatchObject({ code: "engine-unavailable", outcome: "rejected" });
  expect(feed.updates).toMatchObject([{ status: "failed" }]);
  expect(stream.updates).toEqual([]);
  expect(sent.updates).toEqual([]);
  harness.loader.failure = undefined;
  const call = trigger();
  await settle();
  const [, large] = engines();
  expect(large.of("follow"), "which revives the feed").toHaveLength(1);
  large.answerCall(firstId(large, "call"), { id: "run_2" });
  await expect(call).resolves.toMatchObject({ text: '{"id":"run_2"}' });
});

it("takes both with a principal that nobody needs any more", async () => {
  const { principal, handle, updates } = harness.send();
  await settle();
  const call = trigger(principal);
  await settle();
  const [small, large] = engines();
  small.changeSend(firstId(small, "send"), { state: "rejected" });
  large.answerCall(firstId(large, "call"), {});
  await call;
  harness.pump.release(principal);
  expect(large.of("closePrincipal")).toEqual([[1]]);
  expect(small.of("free")).toHaveLength(1);
  handle.retry();
  expect(updates.at(-1)).toMatchObject({ state: "queued" });
});
