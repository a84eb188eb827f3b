import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import type { AnyTask } from "../client/runs/task-types.js";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, pass, step, tellRuns, watchPageOfEachTest } from "../testing/hooks.js";
import { runRow } from "../testing/runs.js";
import { fakeJwt } from "../testing/tokens.js";
import {
  type UseRealtimeTaskTriggerOptions,
  useRealtimeTaskTrigger,
  useRealtimeTaskTriggerWithStreams,
} from "./use-realtime-task-trigger.js";
import { useTaskTrigger } from "./use-task-trigger.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

type Props = UseRealtimeTaskTriggerOptions & { id?: string };

const ready: Props = { accessToken: "trigger-token", throttleInMs: 0 };
const forbidden = { code: "forbidden", retryable: false, status: 403 } as const;
const calls = () => engine().idsOf("call");

/** Answers a call with a run; the token that comes with it is named after the run. */
const handle = (id: string, call = newest("call")) =>
  step(() => engine().answerCall(call, { id, isCached: false }, `token-of-${id}`));

describe("useTaskTrigger", () => {
  const mount = (initialProps: Props = ready) =>
    renderHook(({ id = "hello", ...options }: Props) => useTaskTrigger(id, options), {
      initialProps,
      wrapper: StrictMode,
    });

  it("triggers with payload and options, and gives the handle", async () => {
    const { result } = mount();
    expect(result.current).toMatchObject({ isLoading: false, handle: undefined, error: undefined, isReady: true });
    await step(() => result.current.submit({ name: "ana" }, { tags: ["user:1"] }));
    expect(result.current.isLoading).toBe(true);
    const [[, what, name, body]] = engine().of("call") as [[number, number, string, string]];
    expect([what, name]).toEqual([0, "hello"]);
    expect(body).toContain("ana");
    expect(body).toContain("user:1");
    await handle("run_a");
    expect(result.current).toMatchObject({
      isLoading: false,
      handle: { id: "run_a", publicAccessToken: "token-of-run_a", taskIdentifier: "hello", isCached: false },
    });
  });

  it("shows a failure as a value, and the next success clears it", async () => {
    const { result } = mount();
    await step(() => result.current.submit({}));
    await step(() => engine().failCall(newest("call"), forbidden));
    expect(result.current).toMatchObject({ isLoading: false, handle: undefined, error: { code: "forbidden" } });
    await step(() => result.current.submit({}));
    await handle("run_a");
    expect(result.current).toMatchObject({ handle: { id: "run_a" }, error: undefined });
  });

  it("submitAsync resolves with its own handle, and rejects with the outcome", async () => {
    const { result } = mount();
    const first = result.current.submitAsync({ n: 1 });
    const second = result.current.submitAsync({ n: 2 });
    await step();
    const [one = 0, two = 0] = calls();
    await handle("run_2", two);
    await handle("run_1", one);
    expect([(await first).id, (await second).id]).toEqual(["run_1", "run_2"]);
    expect(result.current.handle?.id).toBe("run_2");
    const third = expect(result.current.submitAsync({ n: 3 })).rejects.toMatchObject({ outcome: "unknown" });
    await step();
    await step(() => engine().failCall(newest("call"), { code: "timeout", retryable: true }, true));
    await third;
  });

  it("tells of a core that cannot be loaded: there is certainly no run", async () => {
    fakePage.loader.failure = new Error("blocked");
    const { result } = mount();
    await step(() => result.current.submit({}));
    expect(result.current.error).toMatchObject({ code: "engine-unavailable", outcome: "rejected" });
  });

  it("says what is missing when there is no token yet, and works when it has come", async () => {
    const { result, rerender } = mount({ ...ready, accessToken: undefined });
    expect(result.current).toMatchObject({ isReady: false, error: undefined });
    await step(() => result.current.submit({}));
    expect(result.current.error?.code).toBe("token-missing");
    const { submit } = result.current;
    rerender(ready);
    expect(result.current.submit).toBe(submit);
    await step(() => submit({}));
    await handle("run_a");
    expect(result.current).toMatchObject({ isReady: true, error: undefined, handle: { id: "run_a" } });
  });

  it("does not show the handle of one task under another, and keeps it over a new trigger token", async () => {
    const { result, rerender } = mount();
    await step(() => result.current.submit({}));
    await handle("run_a");
    rerender({ ...ready, accessToken: "another" });
    expect(result.current.handle?.id).toBe("run_a");
    rerender({ ...ready, id: "other" });
    expect(result.current.handle).toBeUndefined();
  });

  it("each triggers with its own token, where a token is good for one trigger", async () => {
    const once = (jti: number) => ({
      ...ready,
      accessToken: fakeJwt({ scopes: ["trigger:tasks:hello"], otu: true, jti }),
    });
    const [one, two] = [mount(once(1)), mount(once(2))];
    await step(() => one.result.current.submit({}));
    await step(() => two.result.current.submit({}));
    expect(engine().of("setToken")).toEqual([
      [1, once(1).accessToken],
      [3, once(2).accessToken],
    ]);
    expect(
      engine()
        .of("call")
        .map(([principal]) => principal),
    ).toEqual([1, 3]);
  });

  it("triggers with the newest token of an identity, whoever has opened it", async () => {
    const until = (exp: number) => ({ ...ready, accessToken: fakeJwt({ scopes: ["trigger:tasks:hello"], exp }) });
    const [old, young] = [mount(until(1_000)), mount(until(2_000))];
    await step(() => old.result.current.submit({}));
    await step(() => young.result.current.submit({}));
    await step(() => old.result.current.submit({}));
    expect(engine().of("setToken")).toEqual([
      [1, until(1_000).accessToken],
      [1, until(2_000).accessToken],
    ]);
  });

  it("triggers also when the component is gone before the answer", async () => {
    const { result, unmount } = mount();
    const handled = result.current.submitAsync({});
    await step();
    unmount();
    await pass(5_000);
    expect(engine().of("cancelCall")).toEqual([]);
    await handle("run_a");
    expect((await handled).id).toBe("run_a");
    await pass(1_000);
    expect(engine().of("closePrincipal")).toHaveLength(1);
  });
});

describe("useRealtimeTaskTrigger", () => {
  const mount = (initialProps: Props = ready) =>
    renderHook(({ id = "hello", ...options }: Props) => useRealtimeTaskTrigger(id, options), {
      initialProps,
      wrapper: StrictMode,
    });
  const followed = () =>
    engine()
      .of("follow")
      .map(([, ...what]) => what);
  const tokens = () =>
    engine()
      .of("setToken")
      .map(([, token]) => token);

  it("follows the run with the token that came with it, also where the trigger token came late", async () => {
    const { result, rerender } = mount({ ...ready, accessToken: undefined });
    expect(result.current).toMatchObject({ run: undefined, error: undefined, status: "idle" });
    rerender(ready);
    await step(() => result.current.submit({ n: 1 }));
    expect(engine().of("follow")).toEqual([]);
    await handle("run_a");
    expect(followed()).toEqual([[0, "run_a", "", false]]);
    expect(tokens()).toEqual(["trigger-token", "token-of-run_a"]);
    await step(() => tellRuns([runRow("run_a")]));
    expect(result.current).toMatchObject({ run: { id: "run_a" }, handle: { id: "run_a" }, isLoading: false });
  });

  it("shows the second run alone after a second submit", async () => {
    const { result } = mount();
    await step(() => result.current.submit({}));
    await handle("run_a");
    await step(() => tellRuns([runRow("run_a")]));
    await step(() => result.current.submit({}));
    expect(result.current.run?.id).toBe("run_a");
    await handle("run_b");
    expect(result.current.run).toBeUndefined();
    await step(() => tellRuns([runRow("run_b")]));
    expect(result.current.run?.id).toBe("run_b");
  });

  it("triggers without following where enabled is false, and passes skipColumns on", async () => {
    const { result, rerender } = mount({ ...ready, enabled: false, skipColumns: ["payload"] });
    await step(() => result.current.submit({}));
    await handle("run_a");
    expect(engine().of("follow")).toEqual([]);
    rerender({ ...ready, skipColumns: ["payload"] });
    await step();
    expect(followed()).toEqual([[0, "run_a", "skipColumns=payload", false]]);
  });

  it("shows the error of the feed, or of the trigger", async () => {
    const { result } = mount();
    await step(() => result.current.submit({}));
    await step(() => engine().failCall(newest("call"), forbidden));
    expect(result.current.error?.code).toBe("forbidden");
    await step(() => result.current.submit({}));
    await handle("run_a");
    const error = { code: "server", retryable: true } as const;
    await step(() => engine().changeFeed(newest("follow"), { status: "reconnecting", error }));
    expect(result.current.error?.code).toBe("server");
  });
});

describe("useRealtimeTaskTriggerWithStreams", () => {
  it("reads the streams of the run, and shows the error of its feed", async () => {
    const { result } = renderHook(() => useRealtimeTaskTriggerWithStreams<AnyTask, { ai: string }>("hello", ready), {
      wrapper: StrictMode,
    });
    await step(() => result.current.submit({}));
    await handle("run_a");
    await step(() => tellRuns([runRow("run_a", { realtimeStreams: "{ai}" })]));
    await step(() => engine().parts(newest("subscribe"), ["Hello"], "1"));
    expect(result.current).toMatchObject({ streams: { ai: ["Hello"] }, handle: { id: "run_a" }, error: undefined });
    const error = { code: "server", retryable: true } as const;
    await step(() => engine().changeFeed(newest("follow"), { status: "reconnecting", error }));
    expect(result.current.error?.code).toBe("server");
  });

  it("honours experimental_throttleInMs", async () => {
    let renders = 0;
    const { result } = renderHook(() => {
      renders += 1;
      return useRealtimeTaskTriggerWithStreams("hello", { accessToken: "t", experimental_throttleInMs: 1_000 });
    });
    await step(() => result.current.submit({}));
    await handle("run_a");
    await step(() => tellRuns([runRow("run_a", { realtimeStreams: "{ai}" })]));
    await pass(1_000);
    const before = renders;
    for (let n = 0; n < 20; n += 1) {
      await step(() => engine().parts(newest("subscribe"), [n], String(n)));
      await pass(20);
    }
    await pass(1_000);
    expect(result.current.streams.ai).toHaveLength(20);
    expect(renders - before).toBeLessThanOrEqual(3);
  });
});
