import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FakeRecord, type FakeTab, FakeTabs } from "../../testing/fake-tabs.js";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_790_000_000_000 });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const half = () => 0.5;
const v2 = (from: number, to: number): FakeRecord[] =>
  Array.from({ length: to - from }, (_, index) => ({ id: String(from + index), part: `part ${from + index}` }));

describe("tabs that read the same stream", () => {
  it("use one connection, and see the same", async () => {
    const world = new FakeTabs(half);
    const tabs = Array.from({ length: 10 }, () => world.open());
    await wait(1000);
    world.write(...v2(0, 40));
    await wait(5000);
    const late = world.open();
    world.finish();
    await wait(5000);
    for (const tab of [...tabs, late]) {
      expect(tab.parts).toEqual(world.parts);
      expect(tab.updates.at(-1)).toEqual({ status: "ended", attempt: 0, endReason: "run-finished" });
    }
    expect(world.opened).toBe(1);
  });

  it.each(["close", "crash"] as const)(
    "go on with one new connection after the %s of the one that held it",
    async (end) => {
      const world = new FakeTabs(half);
      const tabs = Array.from({ length: 10 }, () => world.open());
      await wait(1000);
      world.write(...v2(0, 40));
      await wait(60);
      const before = tabs[0]?.parts.length ?? 0;
      expect(before).toBeGreaterThan(0);
      expect(before).toBeLessThan(40);
      tabs[0]?.[end]();
      world.write(...v2(40, 60));
      await wait(8000);
      for (const tab of tabs.slice(1)) expect(tab.parts).toEqual(world.parts);
      expect(world.opened).toBe(2);
      expect(world.connections.size).toBe(1);
    },
  );

  it("of another identity, or of none, have connections of their own", async () => {
    const world = new FakeTabs(half);
    for (const identity of ["one", "two", "", ""]) world.open(identity);
    await wait(1000);
    expect(world.opened).toBe(4);
  });

  it("do not fail with the one that leads: another takes over, and the refused one hears nothing more", async () => {
    const world = new FakeTabs(half);
    const refused = world.open("one", true);
    const [second, third] = [world.open(), world.open()];
    world.write(...v2(0, 20));
    await wait(5000);
    expect(refused.updates.at(-1)).toMatchObject({ status: "failed", error: { code: "forbidden" } });
    expect(refused.parts).toEqual([]);
    for (const tab of [second, third]) {
      expect(tab.parts).toEqual(world.parts);
      expect(tab.status).toBe("live");
      expect(tab.updates.some(({ status }) => status === "failed")).toBe(false);
    }
    expect(world.opened).toBe(2);
    for (const event of ["pagehide", "pageshow"]) refused.page.dispatchEvent(new Event(event));
    await wait(5000);
    expect(refused.parts).toEqual([]);
  });

  it("follow for as long as their own tokens hold", async () => {
    const world = new FakeTabs(half);
    world.tokenLifeMs = 60_000;
    const [leader, renewed, expired] = [world.open(), world.open(), world.open()] as [FakeTab, FakeTab, FakeTab];
    world.write(...v2(0, 20));
    await wait(50_000);
    expired.identity = "";
    await wait(20_000);
    world.write(...v2(20, 40));
    await wait(1000);
    for (const tab of [leader, renewed, expired]) expect(tab.parts).toEqual(world.parts);
    expect([...world.connections].map(({ tab }) => tab)).toEqual([leader, expired]);
  });

  it("read by themselves while the leader is suspended, and together when it is back", async () => {
    const world = new FakeTabs(half);
    const [leader, follower] = [world.open(), world.open()] as [FakeTab, FakeTab];
    world.write(...v2(0, 20));
    await wait(3000);
    expect(world.opened).toBe(1);
    leader.hangsUntil = Date.now() + 60_000;
    world.write(...v2(20, 40));
    await wait(13_000);
    expect(follower.parts).toEqual(world.parts);
    expect(world.connections.size).toBe(2);
    await wait(60_000);
    world.write(...v2(40, 50));
    await wait(15_000);
    expect([leader.parts, follower.parts]).toEqual([world.parts, world.parts]);
    expect(world.connections.size).toBe(1);
  });

  it("do not wait for one that is kept for the way back, which goes on where it stood", async () => {
    const world = new FakeTabs(half);
    const [leader, follower] = [world.open(), world.open()] as [FakeTab, FakeTab];
    world.write(...v2(0, 20));
    await wait(3000);
    leader.page.dispatchEvent(new Event("pagehide"));
    await wait(300);
    world.write(...v2(20, 30));
    await wait(1000);
    expect(follower.parts).toEqual(world.parts);
    expect(leader.parts).toHaveLength(20);
    leader.page.dispatchEvent(new Event("pageshow"));
    await wait(1000);
    expect(leader.parts).toEqual(world.parts);
    expect(world.opened).toBe(2);
    expect(world.connections.size).toBe(1);
  });

  it("ask a visible tab's leader at once", async () => {
    const world = new FakeTabs(half);
    const [leader, follower] = [world.open(), world.open()] as [FakeTab, FakeTab];
    await wait(1000);
    leader.hangsUntil = Date.now() + 60_000;
    world.write(...v2(0, 5));
    follower.page.dispatchEvent(new Event("visibilitychange"));
    await wait(3500);
    expect(follower.parts).toEqual(world.parts);
  });

  it("fetch what the leader no longer remembers", async () => {
    const world = new FakeTabs(half);
    world.memory = 1000;
    world.open();
    world.write(...v2(0, 200));
    await wait(5000);
    const late = world.open();
    await wait(5000);
    expect(late.parts).toEqual(world.parts);
    expect(world.opened).toBe(2);
    world.write(...v2(200, 260));
    await wait(20_000);
    expect(late.parts).toEqual(world.parts);
  });

  it("say nothing as long as nobody else is there", async () => {
    const world = new FakeTabs(half);
    const tab = world.open();
    await wait(100);
    const [channel] = world.channels;
    const postMessage = vi.fn();
    Object.assign(channel as object, { postMessage });
    world.write(...v2(0, 50));
    await wait(2000);
    expect(tab.parts).toHaveLength(50);
    expect(postMessage.mock.calls.filter(([{ batches }]) => batches.length > 0)).toEqual([]);
  });
});

const seeds = Number(process.env.TIDEGATE_TAB_SEEDS ?? 25);

describe.each(["v1", "v2", "v2 with repeats", "v2 with a short memory"] as const)("a %s stream, at random", (kind) => {
  it(`is the same in every tab, whoever comes, goes, hangs or dies (${seeds} seeds)`, async () => {
    for (let seed = 1; seed <= seeds; seed += 1) await play(kind, seed);
  }, 600_000);
});

async function play(kind: string, seed: number): Promise<void> {
  const random = randomOf(seed * 7919 + kind.length);
  const below = (limit: number) => Math.floor(random() * limit);
  vi.spyOn(Math, "random").mockImplementation(random);
  const world = new FakeTabs(random);
  world.delayMs = [1, 30, 400][below(3)] ?? 1;
  if (kind.endsWith("memory")) world.memory = 500 + below(2000);
  const write = writerOf(kind, random);
  const alive = () => world.tabs.filter(({ isGone, willFail }) => !isGone && !willFail);
  const check = () => {
    const { parts } = world;
    const isWrong = (tab: FakeTab) => tab.parts.some((part, index) => part !== parts[index]);
    expect(world.tabs.findIndex(isWrong), `${kind}, seed ${seed}: a tab shows what was not written there`).toBe(-1);
  };
  try {
    world.open();
    for (let step = 0; step < 60; step += 1) {
      const tab = alive()[below(alive().length)];
      const action = below(20);
      if (action < 4 && world.tabs.length < 14) world.open("one", below(12) === 0);
      else if (action === 4) tab?.close();
      else if (action === 5) tab?.crash();
      else if (action === 6 && tab) tab.hangsUntil = Date.now() + below(20_000);
      else if (action === 7) tab?.page.dispatchEvent(new Event(["pagehide", "freeze"][below(2)] as string));
      else if (action === 8) tab?.page.dispatchEvent(new Event(["pageshow", "visibilitychange"][below(2)] as string));
      else world.write(...write(1 + below(15)));
      await wait(below(10) === 0 ? below(9000) : below(200));
      check();
    }
    if (alive().length === 0) world.open();
    for (const tab of alive()) tab.page.dispatchEvent(new Event("pageshow"));
    await wait(40_000);
    world.write(...write(10));
    await wait(40_000);
    world.finish();
    await wait(40_000);
    check();
    for (const tab of alive()) {
      expect(tab.parts.length, `${kind}, seed ${seed}: parts`).toBe(world.parts.length);
      expect(tab.status, `${kind}, seed ${seed}`).toBe("ended");
    }
    const open = [...world.connections].filter(({ tab }) => alive().includes(tab)).length;
    if (!kind.endsWith("memory")) expect(open, `${kind}, seed ${seed}: connections`).toBeLessThanOrEqual(1);
  } finally {
    for (const tab of world.tabs) tab.close();
    vi.clearAllTimers();
  }
}

/** Few different values, so that mixing them up does not show by chance only. */
function writerOf(kind: string, random: () => number): (count: number) => FakeRecord[] {
  const below = (limit: number) => Math.floor(random() * limit);
  let last = -1;
  let partCount = 0;
  let repeats: FakeRecord | undefined;
  return (count) =>
    Array.from({ length: count }, () => {
      if (kind === "v1") {
        if (below(2) === 0) last += 1;
        return { id: `1790000000000-${Math.max(0, last)}`, part: below(3) };
      }
      last += 1;
      const id = String(last);
      if (below(8) === 0) return { id };
      if (repeats && kind.endsWith("repeats") && below(12) === 0) return { ...repeats, id };
      partCount += 1;
      repeats = { id, part: below(3), partId: `part-${partCount}` };
      return repeats;
    });
}

/** xorshift32. */
function randomOf(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
