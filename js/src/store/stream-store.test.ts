import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { fakePage } from "../testing/fake-page.js";
import { fakeJwt } from "../testing/tokens.js";
import { type Reader, type StreamAddress, StreamStore, streamStoreKey, type Wishes } from "./stream-store.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

const target = { baseURL: "https://api.example.com", branch: undefined, accessToken: "token" };
const address: StreamAddress = { target, runId: "run_1", key: "draft", lastEventId: undefined };

beforeEach(() => {
  vi.useFakeTimers();
  fakePage.reset();
});
afterEach(() => {
  vi.useRealTimers();
});

const everything = Number.POSITIVE_INFINITY;

function readerOf(wishes: Partial<Wishes> = {}): Reader<number> {
  const options = { throttleInMs: 16, timeoutInSeconds: undefined, limit: everything, ...wishes };
  return { options, value: undefined, take: vi.fn(), restore: vi.fn() };
}

async function open(throttleInMs = 16) {
  const store = new StreamStore<number>(address, undefined);
  const reader = readerOf({ throttleInMs });
  store.join(reader, 0);
  const commits = vi.fn();
  store.subscribe(commits);
  await settle();
  const { engine } = fakePage.loader;
  const [id] = engine.idsOf("subscribe") as [number];
  return { store, reader, commits, engine, id };
}

describe("snapshots", () => {
  it("are the same object until something changes", async () => {
    const { store, engine, id } = await open();
    const first = store.getSnapshot();
    const { parts } = store.window(everything);
    expect(first).toMatchObject({ status: "connecting" });
    expect(store.getSnapshot()).toBe(first);
    engine.changeStream(id, { status: "live" });
    expect(store.getSnapshot()).not.toBe(first);
    expect(store.window(everything).parts).toBe(parts);
  });

  it("hold a new array for new parts and never change an old one", async () => {
    const { store, engine, id } = await open();
    engine.parts(id, [1, 2], "1");
    await vi.runAllTimersAsync();
    const { parts } = store.window(everything);
    engine.parts(id, [3], "2");
    expect(store.window(everything).parts).toBe(parts);
    await vi.runAllTimersAsync();
    expect(parts).toEqual([1, 2]);
    expect(store.window(everything).parts).toEqual([1, 2, 3]);
    expect(store.getSnapshot()).toMatchObject({ lastEventId: "2" });
  });

  it("show a final status together with all the parts before it", async () => {
    const { store, commits, engine, id } = await open();
    engine.parts(id, [1], "1");
    engine.changeStream(id, { status: "ended", endReason: "run-finished" });
    expect(store.getSnapshot()).toMatchObject({ status: "ended", endReason: "run-finished" });
    expect(store.window(everything).parts).toEqual([1]);
    await vi.runAllTimersAsync();
    expect(commits).toHaveBeenCalledTimes(1);
  });

  it("say when the next attempt is due, and forget it and the error afterwards", async () => {
    const { store, engine, id } = await open();
    vi.setSystemTime(1_000);
    const error = { code: "blocked", retryable: true } as const;
    engine.changeStream(id, { status: "reconnecting", attempt: 2, retryInMs: 500, error });
    expect(store.getSnapshot()).toMatchObject({ attempt: 2, nextRetryAt: 1_500, error: { code: "blocked" } });
    engine.changeStream(id, { status: "live" });
    expect(store.getSnapshot()).toMatchObject({ attempt: 0, nextRetryAt: undefined, error: undefined });
  });
});

it("a commit that a reader asks for while it takes parts does not say that they have all been taken", async () => {
  const { store, engine, id } = await open();
  const seen: unknown[] = [];
  const reader = readerOf();
  reader.take = () => {
    store.commit();
    seen.push(store.getSnapshot().lastEventId);
  };
  store.join(reader, 0);
  engine.parts(id, [1, 2], "1");
  const during = store.getSnapshot();
  await vi.runAllTimersAsync();
  expect(seen).toEqual([undefined, undefined]);
  expect(store.getSnapshot()).not.toBe(during);
  expect(store.getSnapshot().lastEventId).toBe("1");
});

describe("commits", () => {
  it("come once for a burst, and tell of each arrival before", async () => {
    const { reader, commits, engine, id } = await open();
    for (let n = 0; n < 100; n += 1) engine.parts(id, [n], String(n));
    expect(reader.take).toHaveBeenCalledTimes(100);
    expect(commits).not.toHaveBeenCalled();
    await vi.runAllTimersAsync();
    expect(commits).toHaveBeenCalledTimes(1);
  });

  it("are at least a throttle apart, the first one at once", async () => {
    const { commits, engine, id } = await open(200);
    engine.parts(id, [1], "1");
    await vi.advanceTimersByTimeAsync(1);
    expect(commits).toHaveBeenCalledTimes(1);
    engine.parts(id, [2], "2");
    await vi.advanceTimersByTimeAsync(198);
    expect(commits).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(commits).toHaveBeenCalledTimes(2);
  });

  it("follow the most eager reader", async () => {
    const { store, commits, engine, id } = await open(1_000);
    const leave = store.join(readerOf({ throttleInMs: 0 }), 0);
    engine.parts(id, [1], "1");
    expect(commits).toHaveBeenCalledTimes(1);
    leave();
    engine.parts(id, [2], "2");
    await vi.advanceTimersByTimeAsync(500);
    expect(commits).toHaveBeenCalledTimes(1);
  });

  it("copy a bounded number of parts a second, however long the stream is", async () => {
    const copiedIn = async (count: number) => {
      fakePage.reset();
      const { store, engine, id } = await open(0);
      let copied = 0;
      store.subscribe(() => {
        copied += store.window(everything).parts.length;
      });
      for (let n = 0; n < count; n += 1) {
        engine.parts(id, [n], String(n));
        await vi.advanceTimersByTimeAsync(1);
      }
      await vi.runAllTimersAsync();
      expect(store.window(everything).parts).toHaveLength(count);
      return copied;
    };
    const small = await copiedIn(6_000);
    const large = await copiedIn(12_000);
    expect(large / small).toBeLessThan(2.5);
  });

  it("stop when the store is disposed of", async () => {
    const { store, commits, engine, id } = await open();
    engine.parts(id, [1], "1");
    store.dispose();
    await vi.runAllTimersAsync();
    expect(commits).not.toHaveBeenCalled();
    expect(engine.of("unsubscribe")).toEqual([[id]]);
    expect(engine.of("closePrincipal")).toHaveLength(1);
  });
});

describe("what is kept", () => {
  it("is all of it without readers, so that a remount goes on", async () => {
    const { engine, id } = await open();
    const store = new StreamStore<number>(address, undefined);
    await settle();
    engine.parts(engine.idsOf("subscribe").at(-1) ?? id, [1, 2], "1");
    expect([store.count, store.keeps(0)]).toEqual([2, true]);
  });

  it("is nothing while nobody shows parts, and no more than twice what is shown otherwise", async () => {
    const store = new StreamStore<number>(address, undefined);
    const leave = store.join(readerOf({ limit: 0 }), 0);
    await settle();
    const { engine } = fakePage.loader;
    const [id] = engine.idsOf("subscribe") as [number];
    engine.parts(id, [0, 1, 2], "2");
    expect([store.count, store.keeps(2), store.keeps(3)]).toEqual([3, false, true]);
    leave();
    store.join(readerOf({ limit: 10 }), store.count);
    for (let n = 3; n < 1_000; n += 1) {
      engine.parts(id, [n], String(n));
      expect(store.keeps(Math.max(3, n - 9))).toBe(true);
      expect(store.keeps(n - 21)).toBe(false);
    }
    await vi.runAllTimersAsync();
    const parts = [990, 991, 992, 993, 994, 995, 996, 997, 998, 999];
    expect(store.window(10)).toEqual({ parts, dropped: 990 });
    expect(store.window(3)).toEqual({ parts: parts.slice(7), dropped: 997 });
  });

  it("is what a commit has shown, until the next one, also while parts are dropped", async () => {
    const store = new StreamStore<number>(address, undefined);
    store.join(readerOf({ limit: 2, throttleInMs: 100 }), 0);
    await settle();
    const { engine } = fakePage.loader;
    const [id] = engine.idsOf("subscribe") as [number];
    engine.parts(id, [1, 2, 3], "3");
    await vi.advanceTimersByTimeAsync(1);
    engine.parts(id, [4, 5, 6, 7, 8], "8");
    expect(store.window(2)).toEqual({ parts: [2, 3], dropped: 1 });
    await vi.runAllTimersAsync();
    expect(store.window(2)).toEqual({ parts: [7, 8], dropped: 6 });
  });

  it("is the newest hundred of the records that could not be read", async () => {
    const { store, engine, id } = await open();
    const reason = "the record is not JSON";
    for (let n = 0; n < 150; n += 1)
      engine.emit({ type: "record-unreadable", subscription: id, id: String(n), reason });
    expect(store.getSnapshot().unreadable).toEqual([]);
    await vi.runAllTimersAsync();
    expect(store.getSnapshot().unreadable).toHaveLength(100);
    expect(store.getSnapshot().unreadable.at(-1)).toEqual({ id: "149", reason });
  });
});

describe("timeouts", () => {
  it("are the shortest wish; another one is a new subscription from where the old one stood", async () => {
    const { store, engine, id } = await open();
    engine.parts(id, [1, 2], "7");
    const leave = store.join(readerOf({ timeoutInSeconds: 60 }), 0);
    store.join(readerOf({ timeoutInSeconds: 90 }), 0);
    leave();
    store.join(readerOf({ timeoutInSeconds: 120 }), 0);
    expect(engine.of("subscribe").map((args) => args.slice(3))).toEqual([
      [undefined, undefined],
      ["7", 60],
      ["7", 90],
    ]);
    expect(engine.of("unsubscribe")).toHaveLength(2);
    const newest = engine.idsOf("subscribe").at(-1) as number;
    engine.parts(id, ["late"], "8");
    engine.parts(newest, [3], "8");
    await vi.runAllTimersAsync();
    expect(store.window(everything).parts).toEqual([1, 2, 3]);
    engine.changeStream(newest, { status: "ended", endReason: "run-finished" });
    store.join(readerOf({ timeoutInSeconds: 10 }), 0);
    expect(engine.of("subscribe")).toHaveLength(3);
  });
});

describe("keys", () => {
  const key = (change: Partial<StreamAddress>) => streamStoreKey({ ...address, ...change });
  const as = (accessToken: string | (() => string)) => key({ target: { ...target, accessToken } });

  it("differ by server, branch, run, stream, start and identity", () => {
    const keys = [
      key({}),
      key({ target: { ...target, baseURL: "https://other.example.com" } }),
      key({ target: { ...target, branch: "b" } }),
      key({ runId: "run_2" }),
      key({ key: "other" }),
      key({ lastEventId: "4" }),
      as("another token"),
      as(() => "token"),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("are the same for a renewed token and never hold one", () => {
    const scopes = ["read:runs:run_1"];
    const renewed = fakeJwt({ scopes, exp: 2 });
    expect(as(fakeJwt({ scopes, exp: 1 }))).toBe(as(renewed));
    expect(as(renewed)).not.toContain(renewed.split(".")[1]);
  });

  it("cannot be confused by separators in names", () => {
    expect(key({ runId: 'a","b', key: "c" })).not.toBe(key({ runId: "a", key: 'b","c' }));
  });
});
