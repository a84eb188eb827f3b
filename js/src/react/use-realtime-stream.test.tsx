import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import { RELEASE_DELAY_MS } from "../store/registry.js";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, pass, step, watchPageOfEachTest } from "../testing/hooks.js";
import { type UseRealtimeStreamOptions, useRealtimeStream } from "./use-realtime-stream.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props extends UseRealtimeStreamOptions<string> {
  runId?: string | undefined;
}

/** Commits at once, so that a test need not wait for a frame. */
const ready: Props = { runId: "run_1", accessToken: "token", throttleInMs: 0 };

function mount(initialProps: Props = ready, streamKey = "draft") {
  return renderHook(({ runId, ...options }: Props) => useRealtimeStream<string>(runId, streamKey, options), {
    initialProps,
    wrapper: StrictMode,
  });
}

const released = () => pass(RELEASE_DELAY_MS);

describe("reading", () => {
  it("is one subscription under StrictMode, and shows parts and states", async () => {
    const { result } = mount();
    await step();
    expect(engine().of("subscribe")).toEqual([[1, "run_1", "draft", undefined, undefined]]);
    expect(result.current.status).toBe("connecting");
    await step(() => {
      engine().changeStream(newest("subscribe"), { status: "live" });
      engine().parts(newest("subscribe"), ["a", "b"], "1");
    });
    expect(result.current).toMatchObject({ status: "live", parts: ["a", "b"], lastEventId: "1" });
    await step(() => engine().changeStream(newest("subscribe"), { status: "ended", endReason: "run-finished" }));
    expect(result.current).toMatchObject({ status: "ended", endReason: "run-finished", parts: ["a", "b"] });
    await released();
    expect(engine().of("subscribe")).toHaveLength(1);
    expect(engine().of("unsubscribe")).toEqual([]);
  });

  it("is one subscription for many components, with the same array for all", async () => {
    const mounted = Array.from({ length: 5 }, () => mount());
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a"], "1"));
    expect(engine().of("subscribe")).toHaveLength(1);
    for (const { result } of mounted) expect(result.current.parts).toBe(mounted[0]?.result.current.parts);
    for (const { unmount } of mounted.slice(1)) unmount();
    await released();
    expect(engine().of("unsubscribe")).toEqual([]);
    mounted[0]?.unmount();
    await released();
    expect(engine().of("unsubscribe")).toHaveLength(1);
  });

  it("ends within a second of the last unmount, and survives a remount before", async () => {
    const first = mount();
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a"], "1"));
    first.unmount();
    const second = mount();
    expect(second.result.current.parts).toEqual(["a"]);
    await released();
    expect(engine().of("unsubscribe")).toEqual([]);
    second.unmount();
    await pass(1_000);
    expect(engine().of("unsubscribe")).toHaveLength(1);
  });

  it("updates at most once per throttle when parts come fast", async () => {
    const renders = vi.fn();
    renderHook(() => {
      renders();
      return useRealtimeStream("run_1", "draft", { accessToken: "t" });
    });
    await step();
    const before = renders.mock.calls.length;
    await step(() => {
      for (let n = 0; n < 500; n += 1) engine().parts(newest("subscribe"), [n], String(n));
    });
    await pass(200);
    expect(renders.mock.calls.length - before).toBeLessThanOrEqual(2);
  });
});

describe("arguments", () => {
  const subscribed = async (use: () => unknown) => {
    renderHook(use);
    await step();
    return engine().of("subscribe")[0];
  };
  const options = { accessToken: "t" };

  it("are a definition and a run", async () => {
    const stream = { id: "ai", append: async (_: { step: number }) => {} };
    expect(await subscribed(() => useRealtimeStream(stream, "run_1", options))).toContain("ai");
  });

  it("are a run and a key", async () => {
    expect(await subscribed(() => useRealtimeStream("run_1", "ai", options))).toContain("ai");
  });

  it("are a run, for the default stream", async () => {
    expect(await subscribed(() => useRealtimeStream("run_1", options))).toEqual([
      1,
      "run_1",
      "default",
      undefined,
      undefined,
    ]);
  });

  it("say where to begin and how long to wait", async () => {
    const more = { ...options, startIndex: 10, timeoutInSeconds: 120 };
    expect(await subscribed(() => useRealtimeStream("run_1", "ai", more))).toEqual([1, "run_1", "ai", "9", 120]);
  });
});

describe("not ready", () => {
  it.each<[string, Props]>([
    ["no run id", { accessToken: "t" }],
    ["no token", { runId: "run_1" }],
    ["enabled: false", { ...ready, enabled: false }],
  ])("%s is idle", async (_, props) => {
    const { result } = mount(props);
    await step();
    expect(result.current).toMatchObject({ status: "idle", parts: [], error: undefined });
    expect(fakePage.loader.loads).toBe(0);
  });

  it.each<[string, Props, string, RegExp]>([
    ["a bad base URL", { ...ready, baseURL: "nowhere" }, "draft", /baseURL/],
    ["a bad start", { ...ready, startIndex: -1 }, "draft", /startIndex/],
    ["an empty key", ready, "", /stream key is empty/],
  ])("%s is failed with a sentence, without a throw", (_, props, key, words) => {
    const { result } = mount(props, key);
    expect(result.current).toMatchObject({ status: "failed", parts: [], error: { code: "invalid-options" } });
    expect(result.current.error?.message).toMatch(words);
  });

  it("starts when what was missing arrives", async () => {
    const { rerender } = mount({});
    rerender(ready);
    await step();
    expect(engine().of("subscribe")).toHaveLength(1);
  });
});

describe("switching runs", () => {
  it("never shows one run's parts under another, A to B to A", async () => {
    const seen: [string, string[]][] = [];
    const { rerender, result } = renderHook(
      ({ runId }: { runId: string }) => {
        const stream = useRealtimeStream<string>(runId, "draft", { accessToken: "t", throttleInMs: 0 });
        seen.push([runId, stream.parts]);
        return stream;
      },
      { initialProps: { runId: "A" }, wrapper: StrictMode },
    );
    await step();
    const a = newest("subscribe");
    await step(() => engine().parts(a, ["of A"], "1"));
    rerender({ runId: "B" });
    await step();
    const b = newest("subscribe");
    await step(() => {
      engine().parts(b, ["of B"], "1");
      engine().parts(a, ["of A, late"], "2");
    });
    expect(result.current.parts).toEqual(["of B"]);
    rerender({ runId: "A" });
    expect(result.current.parts).toEqual(["of A", "of A, late"]);
    await released();
    expect(engine().of("unsubscribe")).toEqual([[b]]);
    for (const [runId, parts] of seen) for (const part of parts) expect(part).toContain(`of ${runId}`);
  });
});

describe("stop and enabled", () => {
  it("stop reading for one component and keep what it has; enabled starts again", async () => {
    const { result, rerender } = mount();
    const other = mount();
    const { stop } = result.current;
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a"], "1"));
    await step(() => stop());
    await step(() => engine().parts(newest("subscribe"), ["b"], "2"));
    expect(result.current).toMatchObject({ status: "ended", endReason: "stopped", parts: ["a"], stop });
    expect(other.result.current.parts).toEqual(["a", "b"]);
    rerender({ ...ready, enabled: false });
    rerender(ready);
    expect(result.current).toMatchObject({ parts: ["a", "b"], stop });
    expect(engine().of("subscribe")).toHaveLength(1);
  });

  it("starts again with another run after stop", async () => {
    const { result, rerender } = mount();
    await step();
    await step(() => result.current.stop());
    rerender({ ...ready, runId: "run_2" });
    await step();
    expect(result.current).toMatchObject({ status: "connecting", parts: [] });
    expect(
      engine()
        .of("subscribe")
        .map((args) => args[1]),
    ).toEqual(["run_1", "run_2"]);
  });

  it("closes the connection when the only reader stops", async () => {
    const { result } = mount();
    await step();
    await step(() => result.current.stop());
    await released();
    expect(engine().of("unsubscribe")).toHaveLength(1);
  });

  it("keeps what is there when it is switched off, and forgets it with the run", async () => {
    const { result, rerender } = mount();
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a"], "1"));
    rerender({ ...ready, enabled: false });
    await released();
    expect(result.current).toMatchObject({ status: "idle", parts: ["a"] });
    rerender({ ...ready, enabled: false, runId: "run_2" });
    expect(result.current.parts).toEqual([]);
  });
});

describe("onData", () => {
  it("gets each part once, under StrictMode, with the newest closure", async () => {
    const [first, second] = [vi.fn(), vi.fn()];
    const { rerender } = mount({ ...ready, onData: first });
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a", "b"], "1"));
    rerender({ ...ready, onData: second });
    await step(() => engine().parts(newest("subscribe"), ["c"], "2"));
    expect(first.mock.calls).toEqual([["a"], ["b"]]);
    expect(second.mock.calls).toEqual([["c"]]);
  });

  it("gets what had come before its component joined", async () => {
    mount();
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a"], "1"));
    const onData = vi.fn();
    mount({ ...ready, onData });
    await step(() => engine().parts(newest("subscribe"), ["b"], "2"));
    expect(onData.mock.calls).toEqual([["a"], ["b"]]);
  });
});

describe("what the official hook's options do", () => {
  it("onParts hears once per update of what is new, each with a place to resume from", async () => {
    const batches: [string, string][][] = [];
    const onParts: Props["onParts"] = (parts) => batches.push(parts.map(({ chunk, id }) => [chunk, id]));
    mount({ ...ready, onParts, throttleInMs: 50 });
    await step();
    await step(() => {
      engine().parts(newest("subscribe"), ["a", "b"], "1");
      engine().parts(newest("subscribe"), ["c"], "4");
      engine().parts(newest("subscribe"), ["d", "e"], "8");
    });
    await pass(200);
    // Between 4 and 8 something is left out, so nobody can say where d stands: behind 4, at least.
    expect(batches).toEqual([
      [
        ["a", "0"],
        ["b", "1"],
        ["c", "4"],
        ["d", "4"],
        ["e", "8"],
      ],
    ]);
  });

  it("onParts has the time that a v1 stream tells, and that of arrival otherwise", async () => {
    const times: number[] = [];
    mount({ ...ready, onParts: (parts) => times.push(...parts.map(({ timestamp }) => timestamp)) });
    await step();
    const before = Date.now();
    await step(() => engine().parts(newest("subscribe"), ["a"], "1700000000000-0"));
    expect(times).toEqual([1_700_000_000_000]);
    mount({ ...ready, runId: "run_2", onParts: (parts) => times.push(...parts.map(({ timestamp }) => timestamp)) });
    await step();
    await step(() => engine().parts(newest("subscribe"), ["b"], "0"));
    expect(times[1]).toBeGreaterThanOrEqual(before);
  });

  it("onParts tells a component that comes later of all there is", async () => {
    mount();
    await step();
    await step(() => engine().parts(newest("subscribe"), ["a", "b"], "1"));
    const heard: string[] = [];
    mount({ ...ready, onParts: (parts) => heard.push(...parts.map(({ chunk, id }) => `${chunk}@${id}`)) });
    await step();
    expect(heard).toEqual(["a@0", "b@1"]);
  });

  it("lastEventId may be a number, and an empty one is none", async () => {
    mount({ ...ready, lastEventId: 0 });
    mount({ ...ready, lastEventId: "" });
    await step();
    expect(
      engine()
        .of("subscribe")
        .map(([, , , from]) => from),
    ).toEqual(["0", undefined]);
  });

  it("from may say beginning", async () => {
    mount({ ...ready, from: "beginning" });
    await step();
    expect(engine().of("subscribe")[0]?.[3]).toBeUndefined();
  });
});
