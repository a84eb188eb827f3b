import { describe, expect, test, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";
import { callerOf } from "./caller.js";
import type { CallRequest } from "./entries.js";

function harness() {
  const { pump, loader, endpoint } = pumpHarness();
  const principal = pump.openPrincipal(endpoint, "token");
  const call = (what: CallRequest["what"] = 0, signal?: AbortSignal) =>
    callerOf(pump).call({ principal, what, name: "name", body: "{}", signal });
  const follow = (endless = false) => {
    const heard: unknown[][] = [];
    const listener = {
      changed: ({ status }: { status: string }) => heard.push([status]),
      rows: (...told: unknown[]) => heard.push(told),
    };
    const address = { kind: 1 as const, name: "a,b", query: "createdAt=1h", endless };
    return { heard, stop: pump.follow({ principal, address, listener }) };
  };
  return { pump, loader, principal, call, follow };
}

describe("feeds", () => {
  test("are followed under their principal, and heard until they are stopped", async () => {
    const { loader, follow } = harness();
    const { heard, stop } = follow(true);
    await settle();
    expect(loader.engine.of("follow")).toEqual([[1, 1, "a,b", "createdAt=1h", true]]);
    const [feed = 0] = loader.engine.idsOf("follow");
    loader.engine.changeFeed(feed, { status: "live" });
    loader.engine.rows(feed, [], { schema: {} });
    loader.engine.rows(feed + 7, []);
    expect(heard).toEqual([["live"], ["[]", "{}", true, true]]);
    stop();
    loader.engine.rows(feed, []);
    expect(heard).toHaveLength(2);
    expect(loader.engine.of("unfollow")).toEqual([[feed]]);
  });

  test("keep their principal open", async () => {
    const { loader, pump, principal, follow } = harness();
    const { stop } = follow();
    await settle();
    pump.release(principal);
    expect(loader.engine.of("closePrincipal")).toEqual([]);
    stop();
    expect(loader.engine.of("closePrincipal")).toEqual([[1]]);
  });

  test("that are stopped before the engine runs never reach it", async () => {
    const { loader, follow } = harness();
    follow().stop();
    await settle();
    expect(loader.engine.of("follow")).toEqual([]);
  });

  test("go on with a new engine, unless they have ended", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { loader, follow } = harness();
    const over = follow();
    const { heard } = follow();
    await settle();
    loader.engine.changeFeed(loader.engine.idsOf("follow")[0] as number, { status: "ended" });
    loader.engine.sink.crashed("here");
    await settle();
    expect(loader.engine.of("follow")).toHaveLength(1);
    expect(over.heard).toEqual([["ended"]]);
    expect(heard).toEqual([["reconnecting"]]);
  });

  test("fail where there is no engine", async () => {
    const { loader, follow } = harness();
    loader.failure = new Error("network");
    const { heard } = follow();
    await settle();
    expect(heard).toEqual([["failed"]]);
  });
});

describe("calls", () => {
  test("give what was answered, with the token that came with it", async () => {
    const { loader, call } = harness();
    const answer = call();
    await settle();
    expect(loader.engine.of("call")).toEqual([[1, 0, "name", "{}"]]);
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, { id: "run_1" }, "new token");
    expect(await answer).toMatchObject({ text: '{"id":"run_1"}', token: "new token" });
  });

  test.each([
    [true, "unknown"],
    [false, "rejected"],
  ])("that failed say whether they can have taken effect (%s)", async (unknown, outcome) => {
    const { loader, call } = harness();
    const answer = call();
    await settle();
    loader.engine.failCall(
      loader.engine.idsOf("call")[0] as number,
      { code: "server", retryable: true, status: 500 },
      unknown,
    );
    await expect(answer).rejects.toMatchObject({ code: "server", outcome, status: 500 });
  });

  test("keep their principal open until they are settled", async () => {
    const { loader, pump, principal, call } = harness();
    const answer = call();
    await settle();
    pump.release(principal);
    expect(loader.engine.of("closePrincipal")).toEqual([]);
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, {});
    await answer;
    expect(loader.engine.of("closePrincipal")).toEqual([[1]]);
  });

  test("that are aborted before they leave had no effect", async () => {
    const { loader, call } = harness();
    await expect(call(0, AbortSignal.abort())).rejects.toMatchObject({ code: "aborted", outcome: "cancelled" });
    const controller = new AbortController();
    const answer = call(0, controller.signal);
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "aborted", outcome: "cancelled" });
    await settle();
    expect(loader.engine.of("call")).toEqual([]);
  });

  test.each([
    [0, "unknown"],
    [1, "unknown"],
    [2, "cancelled"],
    [3, "unknown"],
    [4, "cancelled"],
  ] as const)("of the kind %i that are aborted on their way end as %s", async (what, outcome) => {
    const { loader, call } = harness();
    const controller = new AbortController();
    const answer = call(what, controller.signal);
    await settle();
    controller.abort();
    await expect(answer).rejects.toMatchObject({ code: "aborted", outcome });
    expect(loader.engine.of("cancelCall")).toEqual([[loader.engine.idsOf("call")[0]]]);
  });

  test("a settled call hears its signal no more", async () => {
    const { loader, call } = harness();
    const controller = new AbortController();
    const answer = call(0, controller.signal);
    await settle();
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, {});
    await answer;
    controller.abort();
    expect(loader.engine.of("cancelCall")).toEqual([]);
  });

  test("are made again by a new engine, but no task is triggered twice", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { loader, call } = harness();
    const trigger = call(0);
    const retrieve = call(2);
    await settle();
    loader.engine.sink.crashed("here");
    await expect(trigger).rejects.toMatchObject({ code: "engine-unavailable", outcome: "unknown" });
    await settle();
    expect(loader.engine.of("call")).toEqual([[1, 2, "name", "{}"]]);
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, {});
    await retrieve;
  });

  test("that trap on their way out may have left, and no task is triggered twice", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const { loader, call } = harness();
    const first = call(2);
    await settle();
    loader.engine.trapIn = "call";
    await expect(call(0)).rejects.toMatchObject({ code: "engine-unavailable", outcome: "unknown" });
    await settle();
    expect(loader.engine.of("call").map(([, what]) => what)).toEqual([2]);
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, {});
    await first;
  });

  test.each([
    [1, "unknown"],
    [2, "rejected"],
    [3, "unknown"],
  ] as const)(
    "of the kind %i end as %s where the engine is given up under them, or as cancelled",
    async (what, outcome) => {
      vi.spyOn(console, "error").mockImplementation(() => {});
      const { loader, call } = harness();
      const controller = new AbortController();
      const answer = call(what);
      const aborted = call(what, controller.signal);
      await settle();
      loader.engine.sink.crashed("here");
      controller.abort();
      await expect(aborted).rejects.toMatchObject({ outcome: outcome === "rejected" ? "cancelled" : outcome });
      for (let round = 0; round < 2; round += 1) {
        await settle();
        loader.engine.sink.crashed("here");
      }
      await expect(answer).rejects.toMatchObject({ code: "engine-unavailable", outcome });
    },
  );

  test("are rejected where there is no engine", async () => {
    const { loader, call } = harness();
    loader.failure = new Error("network");
    await expect(call()).rejects.toMatchObject({ code: "engine-unavailable", outcome: "rejected" });
  });
});

test("the engine learns whether the page is seen", async () => {
  vi.stubGlobal("document", { visibilityState: "hidden" });
  const { loader, follow } = harness();
  follow();
  await settle();
  expect(loader.engine.of("setVisible")).toEqual([[false]]);
  vi.unstubAllGlobals();
});
