import { render, renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import { RELEASE_DELAY_MS } from "../store/registry.js";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, pass, SUCCEEDED, step, tellChange, tellRuns, watchPageOfEachTest } from "../testing/hooks.js";
import { runRow } from "../testing/runs.js";
import { fakeJwt } from "../testing/tokens.js";
import { type UseRealtimeSingleRunOptions, useRealtimeRun } from "./use-realtime-run.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props extends UseRealtimeSingleRunOptions {
  runId?: string | undefined;
}

/** Commits at once, so that a test need not wait for a frame. */
const ready: Props = { runId: "run_a", accessToken: "token", throttleInMs: 0 };

/** Every render is looked at, not only the last: what it showed is in `seen`. */
function mount(initialProps: Props = ready) {
  const seen: [asked: string | undefined, shown: string | undefined][] = [];
  const mounted = renderHook(
    ({ runId, ...options }: Props) => {
      const result = useRealtimeRun(runId, options);
      seen.push([runId, result.run?.id]);
      return result;
    },
    { initialProps, wrapper: StrictMode },
  );
  return { ...mounted, seen };
}

const ofAnother = (seen: [string | undefined, string | undefined][]) =>
  seen.filter(([asked, shown]) => shown !== undefined && asked !== shown);

describe("following", () => {
  it("is one feed under StrictMode, and shows the run and where the feed stands", async () => {
    const { result } = mount();
    expect(result.current).toMatchObject({ run: undefined, error: undefined, isFinished: false });
    await step();
    expect(engine().of("follow")).toEqual([[1, 0, "run_a", "", false]]);
    expect(result.current.status).toBe("connecting");
    await step(() => {
      engine().changeFeed(newest("follow"), { status: "live" });
      tellRuns([runRow("run_a")]);
    });
    expect(result.current).toMatchObject({ status: "live", run: { id: "run_a", status: "EXECUTING" } });
    await step(() => tellChange("run_a", SUCCEEDED));
    await step(() => engine().changeFeed(newest("follow"), { status: "ended", endReason: "run-finished" }));
    expect(result.current).toMatchObject({
      status: "ended",
      endReason: "run-finished",
      isFinished: true,
      run: { output: "done" },
    });
    await pass(RELEASE_DELAY_MS);
    expect(engine().of("follow")).toHaveLength(1);
    expect(engine().of("unfollow")).toEqual([]);
  });

  it("waits for a token that is not there yet, without an exception", async () => {
    const { result, rerender } = mount({ ...ready, accessToken: undefined });
    expect(result.current).toMatchObject({ status: "idle", error: undefined, run: undefined });
    expect(fakePage.loader.loads).toBe(0);
    rerender(ready);
    await step();
    expect(engine().of("follow")).toHaveLength(1);
  });

  it("waits for a run id, and tells of options that are wrong as an error", async () => {
    const { result, rerender } = mount({ ...ready, runId: undefined });
    expect(result.current).toMatchObject({ status: "idle", error: undefined });
    rerender({ ...ready, skipColumns: "payload" as never });
    await step();
    expect(result.current).toMatchObject({ status: "failed", error: { code: "invalid-options" } });
    rerender({ ...ready, baseURL: "ftp://x" });
    expect(result.current).toMatchObject({ status: "failed", error: { code: "invalid-options" } });
    rerender(ready);
    await step();
    expect(result.current).toMatchObject({ status: "connecting", error: undefined });
  });

  it("is one feed for components that show the same run, whatever order their columns are in", async () => {
    const mounted = [
      mount({ ...ready, skipColumns: ["payload", "output"], stopOnCompletion: true }),
      mount({ ...ready, skipColumns: ["output", "payload"], id: "mine" }),
    ];
    await step();
    expect(engine().of("follow")).toEqual([[1, 0, "run_a", "skipColumns=output%2Cpayload", false]]);
    await step(() => tellRuns([runRow("run_a")]));
    expect(mounted[1]?.result.current.run).toBe(mounted[0]?.result.current.run);
    mounted[0]?.unmount();
    await pass(1_000);
    expect(engine().of("unfollow")).toEqual([]);
    mounted[1]?.unmount();
    await pass(1_000);
    expect(engine().of("unfollow")).toHaveLength(1);
  });

  it("keeps a feed for ever where stopOnCompletion is false", async () => {
    mount({ ...ready, stopOnCompletion: false });
    await step();
    expect(engine().of("follow")).toEqual([[1, 0, "run_a", "", true]]);
  });

  it("takes changed columns and a token of other scopes, and goes on with a renewed one", async () => {
    const jwt = (scope: string, exp: number) => fakeJwt({ scopes: [scope], exp });
    const { rerender } = mount({ ...ready, accessToken: jwt("read:runs:run_a", 1) });
    await step();
    rerender({ ...ready, accessToken: jwt("read:runs:run_a", 2) });
    await step();
    expect(engine().of("follow")).toHaveLength(1);
    expect(engine().of("setToken")).toHaveLength(2);
    rerender({ ...ready, accessToken: jwt("read:runs", 2) });
    await step();
    expect(engine().of("follow")).toHaveLength(2);
    rerender({ ...ready, accessToken: jwt("read:runs", 2), skipColumns: ["output"] });
    await step();
    expect(engine().of("follow")).toHaveLength(3);
    await pass(1_000);
    expect(engine().of("unfollow")).toHaveLength(2);
  });

  it("tells of a core that cannot be loaded", async () => {
    fakePage.loader.failure = new Error("blocked");
    const { result } = mount();
    await step();
    expect(result.current).toMatchObject({ status: "failed", error: { code: "engine-unavailable" } });
  });

  it("clears the error when the feed recovers", async () => {
    const { result } = mount();
    await step();
    const error = { code: "server", retryable: true } as const;
    await step(() => engine().changeFeed(newest("follow"), { status: "reconnecting", attempt: 2, error }));
    expect(result.current).toMatchObject({ status: "reconnecting", error: { code: "server" } });
    await step(() => engine().changeFeed(newest("follow"), { status: "live" }));
    expect(result.current.error).toBeUndefined();
  });

  it("renders once for what comes within a frame", async () => {
    let renders = 0;
    renderHook(() => {
      renders += 1;
      return useRealtimeRun("run_a", { accessToken: "token" });
    });
    await step();
    const before = renders;
    await step(() => {
      tellRuns([runRow("run_a")]);
      for (let n = 0; n < 50; n += 1) tellChange("run_a", { usageDurationMs: String(n + 100) });
    });
    await pass(200);
    expect(renders - before).toBe(1);
  });
});

describe("the run of another id", () => {
  it("is never shown, nor after A, B and A within one tick", async () => {
    const { result, rerender, seen } = mount();
    await step();
    await step(() => tellRuns([runRow("run_a")]));
    const feedOfA = newest("follow");
    rerender({ ...ready, runId: "run_b" });
    expect(result.current.run).toBeUndefined();
    rerender(ready);
    expect(result.current.run?.id).toBe("run_a");
    rerender({ ...ready, runId: "run_b" });
    await step();
    await step(() => tellChange("run_a", { usageDurationMs: "1000" }, feedOfA));
    expect(result.current.run).toBeUndefined();
    await step(() => tellRuns([runRow("run_b")]));
    expect(result.current.run?.id).toBe("run_b");
    await pass(1_000);
    await step(() => tellChange("run_a", { usageDurationMs: "2000" }, feedOfA));
    expect(ofAnother(seen)).toEqual([]);
    expect(engine().of("unfollow")).toEqual([[feedOfA]]);
  });

  it("does not leave its error behind", async () => {
    const { result, rerender } = mount();
    await step();
    const error = { code: "not-found", retryable: false, status: 404 } as const;
    await step(() => engine().changeFeed(newest("follow"), { status: "failed", endReason: "not-found", error }));
    expect(result.current).toMatchObject({ status: "failed", endReason: "not-found", error: { code: "not-found" } });
    rerender({ ...ready, runId: "run_b" });
    expect(result.current).toMatchObject({ error: undefined, endReason: undefined });
  });
});

describe("onComplete", () => {
  it("is called once for each run of the component, with the newest closure", async () => {
    const calls: string[] = [];
    const props = (runId: string, label: string): Props => ({
      ...ready,
      runId,
      onComplete: (run, error) => calls.push(`${label} ${run.id} ${run.status} ${run.output} ${error}`),
    });
    const { rerender } = mount(props("run_a", "first"));
    await step();
    await step(() => tellRuns([runRow("run_a")]));
    rerender(props("run_a", "second"));
    expect(calls).toEqual([]);
    await step(() => tellChange("run_a", SUCCEEDED));
    await step(() => tellChange("run_a", { metadata: '{"late":true}' }));
    rerender(props("run_a", "third"));
    expect(calls).toEqual(["second run_a COMPLETED done undefined"]);
    rerender(props("run_b", "fourth"));
    await step();
    await step(() => tellRuns([runRow("run_b", { status: "CANCELED", completedAt: "2026-11-21T22:54:12.000" })]));
    expect(calls.slice(1)).toEqual(["fourth run_b CANCELED undefined undefined"]);
    rerender(props("run_a", "fifth"));
    await step();
    expect(calls).toHaveLength(2);
  });

  it("waits for an output that is in the object store", async () => {
    const fetched = vi.spyOn(globalThis, "fetch").mockResolvedValue(Response.json("large"));
    const outputs: unknown[] = [];
    const { result } = mount({ ...ready, onComplete: (run) => outputs.push(run.output) });
    await step();
    const stored = { ...SUCCEEDED, output: "packets/out.json", outputType: "application/store" };
    await step(() => tellRuns([runRow("run_a", stored)]));
    expect(result.current).toMatchObject({ isFinished: true, run: { output: undefined } });
    expect(outputs).toEqual([]);
    await step(() => engine().answerCall(newest("call"), { presignedUrl: "https://store.example.com/out" }));
    await vi.waitFor(() => expect(outputs).toEqual(["large"]));
    fetched.mockRestore();
  });

  it("comes without an output that cannot be loaded", async () => {
    const outputs: unknown[] = [];
    mount({ ...ready, onComplete: (run) => outputs.push(run.output) });
    await step();
    const stored = { ...SUCCEEDED, output: "packets/out.json", outputType: "application/store" };
    await step(() => tellRuns([runRow("run_a", stored)]));
    await step(() => engine().failCall(newest("call"), { code: "forbidden", retryable: false }));
    expect(outputs).toEqual([undefined]);
  });

  it("that throws breaks nothing else", async () => {
    const thrown = vi.fn();
    const onComplete = () => {
      throw new Error("of the application");
    };
    process.once("uncaughtException", thrown);
    const { result } = mount({ ...ready, onComplete });
    await step();
    await step(() => tellRuns([runRow("run_a", SUCCEEDED)]));
    expect(result.current.run?.status).toBe("COMPLETED");
    await vi.waitFor(() => expect(thrown).toHaveBeenCalledTimes(1));
  });
});

describe("stop and enabled", () => {
  it("stop ends only this component's view, and keeps what is there", async () => {
    const [one, other] = [mount(), mount()];
    await step();
    await step(() => tellRuns([runRow("run_a")]));
    const { stop } = one.result.current;
    await step(stop);
    expect(one.result.current).toMatchObject({ status: "ended", endReason: "stopped", run: { durationMs: 12 } });
    await step(() => tellChange("run_a", { usageDurationMs: "99" }));
    expect(one.result.current.run?.durationMs).toBe(12);
    expect(other.result.current.run?.durationMs).toBe(99);
    await step(other.result.current.stop);
    await pass(1_000);
    expect(engine().of("unfollow")).toHaveLength(1);
    expect(one.result.current.stop).toBe(stop);
  });

  it("another run starts after a stop, and a stop after the end says nothing new", async () => {
    const { result, rerender } = mount();
    await step();
    await step(result.current.stop);
    rerender({ ...ready, runId: "run_b" });
    await step();
    expect(result.current.status).toBe("connecting");
    await step(() => engine().changeFeed(newest("follow"), { status: "ended", endReason: "run-finished" }));
    await step(result.current.stop);
    expect(result.current.endReason).toBe("run-finished");
  });

  it("enabled: false follows nothing, and switched off keeps what is there", async () => {
    const { result, rerender } = mount({ ...ready, enabled: false });
    await step();
    expect(fakePage.loader.loads).toBe(0);
    rerender(ready);
    await step();
    await step(() => tellRuns([runRow("run_a")]));
    rerender({ ...ready, enabled: false });
    expect(result.current).toMatchObject({ status: "idle", run: { id: "run_a" } });
    await pass(1_000);
    expect(engine().of("unfollow")).toHaveLength(1);
    expect(result.current.run?.id).toBe("run_a");
  });
});

it("shows the first snapshot of a remount at once, and ends within a second of the last unmount", async () => {
  const first = mount();
  await step();
  await step(() => tellRuns([runRow("run_a")]));
  first.unmount();
  const second = mount();
  expect(second.result.current.run?.id).toBe("run_a");
  second.unmount();
  await pass(1_000);
  expect(engine().of("unfollow")).toHaveLength(1);
  expect(engine().of("closePrincipal")).toHaveLength(1);
});

it("is shown by all components of a page in one pass", async () => {
  const seen: string[] = [];
  function Status({ name }: { name: string }) {
    const { run } = useRealtimeRun("run_a", { accessToken: "token", throttleInMs: 0 });
    seen.push(`${name} ${run?.status}`);
    return null;
  }
  render(
    <>
      <Status name="one" />
      <Status name="two" />
    </>,
  );
  await step();
  seen.length = 0;
  await step(() => tellRuns([runRow("run_a")]));
  expect(seen).toEqual(["one EXECUTING", "two EXECUTING"]);
});
