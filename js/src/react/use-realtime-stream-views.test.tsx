import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import { RELEASE_DELAY_MS } from "../store/registry.js";
import { engine, newest, pass, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";
import { type StreamReduction, type UseRealtimeStreamOptions, useRealtimeStream } from "./use-realtime-stream.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

type Props = { runId?: string; streamKey?: string } & UseRealtimeStreamOptions<string, string> &
  StreamReduction<string, string>;

const ready: Props = { accessToken: "token", throttleInMs: 0 };
const joined: Props = { ...ready, reduce: (text, part) => text + part, initial: "" };

function mount(initialProps: Props) {
  const renders: { runId: string; key: string; parts: string[]; value: string }[] = [];
  const hook = renderHook(
    ({ runId = "run_1", streamKey = "draft", ...options }: Props) => {
      const stream = useRealtimeStream<string, string>(runId, streamKey, options);
      renders.push({ runId, key: streamKey, parts: stream.parts, value: stream.value });
      return stream;
    },
    { initialProps, wrapper: StrictMode },
  );
  return { ...hook, renders };
}

const released = () => pass(RELEASE_DELAY_MS);
const subscriptions = () => engine().of("subscribe");
const bring = (parts: string[], lastEventId: string) =>
  step(() => engine().parts(newest("subscribe"), parts, lastEventId));

describe("reduce", () => {
  it("holds the joined text and no parts, once under StrictMode", async () => {
    const { result } = mount(joined);
    expect(result.current).toMatchObject({ status: "connecting", value: "", parts: [] });
    await step();
    await bring(["a", "b"], "1");
    await bring(["c"], "2");
    expect(result.current).toMatchObject({ value: "abc", parts: [], dropped: 3, lastEventId: "2" });
    expect(subscriptions()).toHaveLength(1);
  });

  it("uses the newest closure for what comes, and the first initial", async () => {
    const { result, rerender } = mount(joined);
    await step();
    await bring(["a"], "1");
    rerender({ ...joined, reduce: (text, part) => `${text}-${part}`, initial: "other" });
    await bring(["b"], "2");
    expect(result.current.value).toBe("a-b");
  });

  it("keeps the newest parts as well where maxParts asks for them", async () => {
    const { result } = mount({ ...joined, maxParts: 2 });
    await step();
    await bring(["a", "b", "c", "d", "e"], "4");
    expect(result.current).toMatchObject({ value: "abcde", parts: ["d", "e"], dropped: 3 });
  });

  it("of several components share one connection, whatever they make of the parts", async () => {
    const text = mount(joined);
    const lengths = mount({ ...joined, reduce: (all: string, part: string) => `${all}${part.length}` });
    const plain = mount(ready);
    await step();
    await bring(["a", "bc"], "1");
    expect([text.result.current.value, lengths.result.current.value]).toEqual(["abc", "12"]);
    expect(plain.result.current.parts).toEqual(["a", "bc"]);
    expect(subscriptions()).toHaveLength(1);
  });

  it("is given what had come before its component joined, while others keep it", async () => {
    mount(ready);
    await step();
    await bring(["a", "b"], "1");
    const { result } = mount(joined);
    expect(result.current.value).toBe("ab");
    await bring(["c"], "2");
    expect(result.current.value).toBe("abc");
    expect(subscriptions()).toHaveLength(1);
  });

  it("reads from the beginning when nobody has kept that, on one more connection for all that come late", async () => {
    const early = mount(joined);
    await step();
    const first = newest("subscribe");
    await bring(["a", "b"], "1");
    const late = mount(joined);
    const [, second] = engine().idsOf("subscribe") as [number, number];
    expect(late.result.current.value).toBe("");
    await step(() => engine().parts(second, ["a", "b"], "1"));
    const later = [mount(joined), mount(ready)];
    await step(() => {
      for (const id of [first, second]) engine().parts(id, ["c"], "2");
    });
    for (const { result } of [early, late, ...later.slice(0, 1)]) expect(result.current.value).toBe("abc");
    expect(later[1]?.result.current.parts).toEqual(["a", "b", "c"]);
    early.unmount();
    await released();
    late.rerender({ ...joined, timeoutInSeconds: undefined, throttleInMs: 1 });
    await step();
    expect(late.result.current.value).toBe("abc");
    expect(subscriptions()).toHaveLength(2);
  });

  it("starts anew when it is switched on, off, or on again", async () => {
    const { result, rerender } = mount(ready);
    await step();
    await bring(["a"], "1");
    rerender(joined);
    expect(result.current).toMatchObject({ value: "a", parts: [] });
    await bring(["b"], "2");
    rerender({ ...joined, enabled: false });
    expect(result.current).toMatchObject({ status: "idle", value: "ab" });
    await released();
    rerender(joined);
    await bring(["x"], "1");
    expect(result.current.value).toBe("x");
  });

  it("goes on where it was when it was switched off for a moment", async () => {
    const { result, rerender } = mount(joined);
    await step();
    await bring(["a"], "1");
    rerender({ ...joined, enabled: false });
    await bring(["b"], "2");
    rerender(joined);
    expect(result.current.value).toBe("ab");
    expect(subscriptions()).toHaveLength(1);
  });

  it("does not render its component while the value stays the same", async () => {
    const { result, renders } = mount({
      ...joined,
      reduce: (text: string, part: string) => (part > text ? part : text),
    });
    await step();
    await bring(["m"], "1");
    const before = renders.length;
    for (let n = 2; n < 50; n += 1) await bring(["a"], String(n));
    expect(renders).toHaveLength(before);
    expect(result.current).toMatchObject({ value: "m", lastEventId: "1" });
    await bring(["z"], "50");
    expect(result.current).toMatchObject({ value: "z", lastEventId: "50" });
  });

  it("that throws is reported, and costs nobody else a part", async () => {
    const stray: unknown[] = [];
    const onError = (error: unknown) => stray.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", onError);
    const { result } = mount({
      ...joined,
      reduce: (text: string, part: string) => {
        if (part === "bad") throw new Error("cannot take this");
        return text + part;
      },
    });
    const other = mount(ready);
    await step();
    await bring(["a", "bad", "b"], "2");
    await vi.waitFor(() => expect(stray).toHaveLength(1));
    process.off("uncaughtException", onError);
    for (const listener of others) process.on("uncaughtException", listener);
    expect(result.current.value).toBe("ab");
    expect(other.result.current.parts).toEqual(["a", "bad", "b"]);
  });
});

describe("maxParts", () => {
  it("keeps only the newest and says how many went before, in a real array", async () => {
    const { result } = mount({ ...ready, maxParts: 3 });
    await step();
    for (let n = 0; n < 100; n += 1) await bring([`${n}`], `${n}`);
    expect(Array.isArray(result.current.parts)).toBe(true);
    expect(result.current).toMatchObject({ parts: ["97", "98", "99"], dropped: 97 });
  });

  it("can change, and shows more only as more comes", async () => {
    const { result, rerender } = mount({ ...ready, maxParts: 1 });
    await step();
    await bring(["a", "b", "c", "d"], "3");
    expect(result.current).toMatchObject({ parts: ["d"], dropped: 3 });
    rerender({ ...ready, maxParts: 3 });
    await bring(["e", "f"], "5");
    expect(result.current.parts).toEqual(["d", "e", "f"]);
    expect(subscriptions()).toHaveLength(1);
  });

  it.each([-1, Number.NaN])("of %d is refused with a sentence", (maxParts) => {
    const { result } = mount({ ...ready, maxParts });
    expect(result.current).toMatchObject({ status: "failed", error: { code: "invalid-options" } });
    expect(result.current.error?.message).toMatch(/maxParts/);
  });
});

describe("changes", () => {
  it.each([
    ["the key", (props: Props) => ({ ...props, streamKey: "notes" }), ["run_1", "notes", undefined, undefined]],
    ["startIndex", (props: Props) => ({ ...props, startIndex: 5 }), ["run_1", "draft", "4", undefined]],
    ["lastEventId", (props: Props) => ({ ...props, lastEventId: "8" }), ["run_1", "draft", "8", undefined]],
  ])("of %s read another stream, and show nothing of the one before", async (_, change, expected) => {
    for (const props of [ready, joined]) {
      const { result, rerender, unmount } = mount(props);
      await step();
      await bring(["old"], "1");
      rerender(change(props));
      expect(result.current).toMatchObject({ parts: [], value: props.initial });
      await step();
      expect(subscriptions().at(-1)?.slice(1)).toEqual(expected);
      await bring(["new"], "9");
      expect(result.current).toMatchObject(props.reduce ? { value: "new" } : { parts: ["new"] });
      unmount();
      await released();
    }
  });

  it("of timeoutInSeconds go on behind the last part", async () => {
    const { result, rerender } = mount({ ...joined, timeoutInSeconds: 60 });
    await step();
    await bring(["a"], "3");
    rerender({ ...joined, timeoutInSeconds: 300 });
    expect(subscriptions().map((args) => args.slice(3))).toEqual([
      [undefined, 60],
      ["3", 300],
    ]);
    await bring(["b"], "4");
    expect(result.current.value).toBe("ab");
  });

  it("of the token for the same identity wake what is open; another identity reads for itself", async () => {
    const token = (exp: number, sub = "env_1") => fakeJwt({ scopes: ["read:runs:run_1"], exp, sub });
    const { result, rerender } = mount({ ...ready, accessToken: token(1) });
    await step();
    await bring(["a"], "1");
    rerender({ ...ready, accessToken: token(2) });
    expect(engine().of("setToken").at(-1)).toEqual([1, token(2)]);
    expect(subscriptions()).toHaveLength(1);
    expect(result.current.parts).toEqual(["a"]);
    rerender({ ...ready, accessToken: token(2, "env_2") });
    expect(result.current.parts).toEqual([]);
    await step();
    expect(subscriptions()).toHaveLength(2);
  });

  it("A to B to A in one tick never show one run's text under another", async () => {
    for (const props of [ready, joined]) {
      const { rerender, renders, result, unmount } = mount({ ...props, runId: "A" });
      await step();
      const a = newest("subscribe");
      await step(() => engine().parts(a, ["A1"], "1"));
      await step(() => {
        rerender({ ...props, runId: "B" });
        engine().parts(a, ["A2"], "2");
        rerender({ ...props, runId: "A" });
        engine().parts(newest("subscribe"), [props.reduce && newest("subscribe") !== a ? "A1" : "A3"], "3");
      });
      const b = subscriptions().findIndex((args) => args[1] === "B");
      await step(() => engine().parts(engine().idsOf("subscribe")[b] as number, ["B1"], "1"));
      for (const { runId, parts, value } of renders) {
        expect([...parts, value ?? ""].join("").replaceAll(new RegExp(`${runId}\\d`, "g"), "")).toBe("");
      }
      expect(result.current).toMatchObject({ status: "connecting" });
      unmount();
      await released();
    }
  });
});

describe("onComplete", () => {
  const finish = () =>
    step(() => engine().changeStream(newest("subscribe"), { status: "ended", endReason: "run-finished" }));

  it("is called once for each run, with everything, in the newest closure", async () => {
    const [first, second] = [vi.fn(), vi.fn()];
    const { rerender } = mount({ ...ready, onComplete: first });
    await step();
    await bring(["a"], "1");
    rerender({ ...ready, onComplete: second });
    await finish();
    rerender({ ...ready, onComplete: second, throttleInMs: 50 });
    expect(first).not.toHaveBeenCalled();
    expect(second.mock.calls).toMatchObject([[{ parts: ["a"], endReason: "run-finished" }]]);
    rerender({ ...ready, onComplete: second, runId: "run_2" });
    await step();
    expect(second).toHaveBeenCalledTimes(1);
    await finish();
    expect(second).toHaveBeenCalledTimes(2);
  });

  it("is not called for a stop or a refusal", async () => {
    const onComplete = vi.fn();
    const { result, rerender } = mount({ ...ready, onComplete });
    await step();
    await step(() => result.current.stop());
    rerender({ ...ready, onComplete, runId: "run_2" });
    await step();
    await step(() => engine().changeStream(newest("subscribe"), { status: "failed", endReason: "gone" }));
    expect(onComplete).not.toHaveBeenCalled();
  });
});

it("shows the records that cannot be read with their ids, and reads on", async () => {
  const { result } = mount(ready);
  await step();
  const reason = "the record is not JSON";
  await step(() => engine().emit({ type: "record-unreadable", subscription: newest("subscribe"), id: "7", reason }));
  await bring(["after"], "8");
  expect(result.current).toMatchObject({ unreadable: [{ id: "7", reason }], parts: ["after"], error: undefined });
});
