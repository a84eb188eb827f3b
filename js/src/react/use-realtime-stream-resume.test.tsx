import { cleanup, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { RELEASE_DELAY_MS } from "../store/registry.js";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, pass, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";
import { type StreamReduction, type UseRealtimeStreamOptions, useRealtimeStream } from "./use-realtime-stream.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();
afterEach(() => {
  vi.restoreAllMocks();
  sessionStorage.clear();
  localStorage.clear();
});

type Props = UseRealtimeStreamOptions<string, string> & StreamReduction<string, string>;

const accessToken = fakeJwt({ scopes: ["read:runs:run_1"] });
const plain: Props = { accessToken, throttleInMs: 0, resume: "session" };
const joined: Props = { ...plain, reduce: (text, part) => text + part, initial: "" };

/** Mounts, and waits until the code for resuming has loaded and the engine has been asked. */
async function mount(initialProps: Props, runId = "run_1") {
  const asked = fakePage.loader.engines[0]?.of("subscribe").length ?? 0;
  const hook = renderHook((props: Props) => useRealtimeStream<string, string>(runId, "draft", props), {
    initialProps,
    wrapper: StrictMode,
  });
  await vi.waitFor(async () => {
    await step();
    expect(engine().of("subscribe")).toHaveLength(asked + 1);
  });
  return hook;
}

const start = () => engine().of("subscribe").at(-1)?.[3];
const bring = (parts: string[], lastEventId: string) =>
  step(() => engine().parts(newest("subscribe"), parts, lastEventId));

/** A page that is gone, with its modules' state and without a good-bye, and the next one. */
function crashPage() {
  const stores = [sessionStorage, localStorage].map((storage) => Object.entries(storage));
  cleanup();
  for (const [n, storage] of [sessionStorage, localStorage].entries()) {
    storage.clear();
    for (const [name, text] of stores[n] ?? []) storage.setItem(name, text);
  }
  fakePage.reset();
}

describe("a reload", () => {
  it.each(["session", "local"] as const)("goes on with the value (%s)", async (resume) => {
    await mount({ ...joined, resume });
    expect(start()).toBeUndefined();
    await bring(["a", "b"], "4");
    crashPage();
    const { result } = await mount({ ...joined, resume });
    expect(start()).toBe("4");
    expect(result.current).toMatchObject({ value: "ab", lastEventId: "4" });
    await bring(["c"], "5");
    expect(result.current.value).toBe("abc");
  });

  it("at any of 200 points leaves the text as if there had been none", { timeout: 60_000 }, async () => {
    const log = Array.from({ length: 400 }, (_, n) => `${n},`);
    let seed = 7;
    const dice = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    for (let reload = 0; reload < 200; reload += 1) {
      const { result } = await mount({ ...joined, throttleInMs: dice(3) * 16 });
      const at = start() === undefined ? 0 : Number(start()) + 1;
      expect(result.current.value).toBe(log.slice(0, at).join(""));
      let next = at;
      for (let batch = dice(4); batch > 0 && next < log.length; batch -= 1) {
        const end = Math.min(log.length, next + 1 + dice(5));
        await bring(log.slice(next, end), String(end - 1));
        if (dice(2)) await pass(20);
        next = end;
      }
      if (dice(2)) dispatchEvent(new Event("pagehide"));
      crashPage();
    }
    const { result } = await mount(joined);
    const at = start() === undefined ? 0 : Number(start()) + 1;
    expect(at).toBeGreaterThan(100);
    await bring(log.slice(at), "399");
    expect(result.current.value).toBe(log.join(""));
  });

  it("without reduce brings only what comes after, and hands no part over twice", async () => {
    const onData = vi.fn();
    await mount({ ...plain, onData });
    await bring(["a", "b"], "1");
    crashPage();
    const { result } = await mount({ ...plain, onData });
    expect(start()).toBe("1");
    await bring(["c"], "2");
    expect(result.current.parts).toEqual(["c"]);
    expect(onData.mock.calls).toEqual([["a"], ["b"], ["c"]]);
  });

  it("begins anew when it is over, when there is no such run, and when something else is made of it", async () => {
    for (const end of [
      { status: "ended", endReason: "run-finished" },
      { status: "failed", endReason: "not-found" },
    ] as const) {
      await mount(joined);
      await bring(["a"], "1");
      await step(() => engine().changeStream(newest("subscribe"), end));
      expect(sessionStorage).toHaveLength(0);
      crashPage();
    }
    await mount(joined);
    await bring(["a"], "1");
    crashPage();
    await mount(plain);
    expect(start()).toBeUndefined();
    crashPage();
    await mount({ ...joined, id: "other" });
    expect(start()).toBeUndefined();
    crashPage();
    await mount(joined, "run_2");
    expect(start()).toBeUndefined();
  });
});

describe("what is kept", () => {
  it("names the stream and its reader, and holds no token", async () => {
    await mount({ ...joined, id: "reply" });
    await bring(["a"], "1");
    await mount({ ...joined, accessToken: "tr_dev_secret" });
    await bring(["b"], "1");
    expect(Object.entries(sessionStorage).sort()).toEqual([
      [
        'tidegate-stream:["https://api.trigger.dev",null,"env_1","run_1","draft",null,"reply"]',
        '{"cursor":"1","value":"a"}',
      ],
      ['tidegate-stream:["https://api.trigger.dev",null,null,"run_1","draft",null,null]', '{"cursor":"1","value":"b"}'],
    ]);
  });

  it("is written once per commit, and for a long text less often; all of it when the page is left", async () => {
    const setItem = vi.spyOn(Storage.prototype, "setItem");
    await mount(joined);
    await step(() => {
      for (let n = 0; n < 10; n += 1) engine().parts(newest("subscribe"), ["x".repeat(300_000)], String(n));
    });
    expect(setItem.mock.calls.length).toBeLessThan(4);
    dispatchEvent(new Event("pagehide"));
    expect(setItem.mock.calls.at(-1)?.[1]).toContain('{"cursor":"9"');
  });

  it("is up to date when the component is unmounted", async () => {
    const { unmount } = await mount({ ...joined, throttleInMs: 10_000 });
    await bring(["a"], "1");
    await pass(20);
    await bring(["b"], "2");
    unmount();
    await pass(RELEASE_DELAY_MS);
    const { result } = await mount(joined);
    expect(start()).toBe("2");
    expect(result.current.value).toBe("ab");
  });
});

it("a page that is left in the middle of a batch leaves a place from which nothing is missing or repeated", async () => {
  const kept: string[] = [];
  const onData = (part: string) => {
    if (part !== "d") return;
    dispatchEvent(new Event("pagehide"));
    kept.push(...Object.values(sessionStorage));
  };
  await mount({ ...joined, throttleInMs: 10_000, onData });
  await bring(["a"], "0");
  await pass(100);
  await bring(["b"], "1");
  await bring(["c", "d"], "3");
  expect(kept).toEqual(['{"cursor":"0","value":"a"}']);
});

describe("a storage", () => {
  it("of no kind that there is says so, and the stream is read", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const { result } = await mount({ ...joined, resume: "cookie" as never });
    await bring(["a"], "1");
    expect(result.current.value).toBe("a");
    expect(warn.mock.calls.flat().join()).toMatch(/resume must be "session", "local" or a storage, not "cookie"/);
    warn.mockRestore();
  });

  it("of one's own may answer with promises", async () => {
    const kept = new Map<string, string>();
    const resume = {
      getItem: async (name: string) => kept.get(name),
      setItem: async (name: string, text: string) => kept.set(name, text),
      removeItem: async (name: string) => kept.delete(name),
    };
    await mount({ ...joined, resume });
    await bring(["a"], "1");
    crashPage();
    const { result } = await mount({ ...joined, resume });
    expect([start(), result.current.value]).toEqual(["1", "a"]);
  });

  it.each<[string, () => unknown]>([
    ["is full", () => vi.spyOn(Storage.prototype, "setItem").mockImplementation(refuse)],
    ["cannot be read", () => vi.spyOn(Storage.prototype, "getItem").mockImplementation(refuse)],
    ["is forbidden", () => vi.spyOn(globalThis, "sessionStorage", "get").mockImplementation(refuse)],
    ["holds something else", () => vi.spyOn(Storage.prototype, "getItem").mockReturnValue("{")],
  ])("that %s is done without", async (_, prepare) => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    prepare();
    const { result } = await mount(joined);
    await bring(["a"], "1");
    await bring(["b"], "2");
    expect(start()).toBeUndefined();
    expect(result.current).toMatchObject({ value: "ab", error: undefined });
    expect(warn.mock.calls.length).toBeLessThanOrEqual(1);
  });
});

function refuse(): never {
  throw new DOMException("no", "SecurityError");
}
