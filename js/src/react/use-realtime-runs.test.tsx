import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import { engine, newest, pass, SUCCEEDED, step, tellChange, tellRuns, watchPageOfEachTest } from "../testing/hooks.js";
import { RUN_SCHEMA, runRow } from "../testing/runs.js";
import { type UseRealtimeRunsWithTagOptions, useRealtimeBatch, useRealtimeRunsWithTag } from "./use-realtime-runs.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props extends UseRealtimeRunsWithTagOptions {
  tag?: string | string[] | undefined;
}

const ready: Props = { tag: "user:1", accessToken: "token", throttleInMs: 0 };

function mount(initialProps: Props = ready) {
  return renderHook(({ tag, ...options }: Props) => useRealtimeRunsWithTag(tag, options), {
    initialProps,
    wrapper: StrictMode,
  });
}

const idsOf = (mounted: ReturnType<typeof mount>) => mounted.result.current.runs.map(({ id }) => id);
const at = (second: number) => ({ createdAt: `2026-11-21T22:54:${second}.000` });

describe("useRealtimeRunsWithTag", () => {
  it("lists runs by age, whatever order they come in, and changes only those that change", async () => {
    const mounted = mount();
    expect(mounted.result.current.runs).toEqual([]);
    await step();
    await step(() => tellRuns([runRow("run_c", at(30)), runRow("run_a", at(10)), runRow("run_b", at(20))]));
    expect(idsOf(mounted)).toEqual(["run_a", "run_b", "run_c"]);
    const [a, b] = mounted.result.current.runs;
    await step(() => tellChange("run_b", SUCCEEDED));
    expect(mounted.result.current.runs[0]).toBe(a);
    expect(mounted.result.current.runs[1]).not.toBe(b);
    expect(mounted.result.current.runs[1]?.isCompleted).toBe(true);
    await step(() => tellRuns([runRow("run_b", at(20))]));
    expect(idsOf(mounted)).toEqual(["run_b"]);
  });

  it("renders a snapshot of a thousand runs once", async () => {
    let renders = 0;
    const { result } = renderHook(() => {
      renders += 1;
      return useRealtimeRunsWithTag("user:1", { accessToken: "token" });
    });
    await step();
    const before = renders;
    const rows = Array.from({ length: 1000 }, (_, n) => runRow(`run_${n}`));
    await step(() => {
      // In pieces, as it arrives: only the last is complete.
      for (let from = 0; from < 1000; from += 100) {
        const messages = rows
          .slice(from, from + 100)
          .map((value) => ({ key: value.friendlyId, value, headers: { operation: "insert" } }));
        const start = from === 0 ? { schema: RUN_SCHEMA } : {};
        engine().rows(newest("follow"), messages, { ...start, complete: from === 900 });
      }
    });
    await pass(200);
    expect(result.current.runs).toHaveLength(1000);
    expect(renders - before).toBe(1);
  });

  it("takes an inline array for the same as long as it says the same, in whatever order", async () => {
    const { rerender } = mount({ ...ready, tag: ["a", "b"] });
    await step();
    rerender({ ...ready, tag: ["b", "a", "a"] });
    await step();
    expect(engine().of("follow")).toEqual([[1, 1, "a,b", "", true]]);
  });

  it("is one feed for a tag alone and in an array, and for no columns and an empty list of them", async () => {
    mount({ ...ready, tag: "a" });
    mount({ ...ready, tag: ["a"], skipColumns: [] });
    await step();
    expect(engine().of("follow")).toHaveLength(1);
  });

  it("does not take one tag with a dash for two", async () => {
    const mounted = mount({ ...ready, tag: ["a", "b"] });
    await step();
    await step(() => tellRuns([runRow("run_ab")]));
    mounted.rerender({ ...ready, tag: ["a-b"] });
    expect(idsOf(mounted)).toEqual([]);
    await step();
    expect(
      engine()
        .of("follow")
        .map(([, , name]) => name),
    ).toEqual(["a,b", "a-b"]);
  });

  it("takes a changed createdAt and changed columns", async () => {
    const { rerender } = mount({ ...ready, createdAt: "1h" });
    await step();
    rerender({ ...ready, createdAt: "2h" });
    await step();
    rerender({ ...ready, createdAt: "2h", skipColumns: ["payload"] });
    await step();
    expect(
      engine()
        .of("follow")
        .map(([, , , query]) => query),
    ).toEqual(["createdAt=1h", "createdAt=2h", "skipColumns=payload&createdAt=2h"]);
  });

  it("is idle without a tag, and lists everything for an empty array", async () => {
    const { result, rerender } = mount({ ...ready, tag: undefined });
    expect(result.current).toMatchObject({ status: "idle", runs: [] });
    rerender({ ...ready, tag: "" });
    expect(result.current).toMatchObject({ status: "idle", runs: [] });
    rerender({ ...ready, tag: [] });
    await step();
    expect(engine().of("follow")).toEqual([[1, 1, "", "", true]]);
  });

  it("shows a tag that no server takes as an error", async () => {
    const { result } = mount({ ...ready, tag: ["a,b"] });
    await step();
    expect(result.current).toMatchObject({ status: "failed", error: { code: "invalid-options" }, runs: [] });
  });
});

describe("useRealtimeBatch", () => {
  const batch = (initialProps: { id: string | undefined }) =>
    renderHook(({ id }) => useRealtimeBatch(id, { accessToken: "token", throttleInMs: 0 }), {
      initialProps,
      wrapper: StrictMode,
    });

  it("lists the runs of a batch, and never those of another", async () => {
    const { result, rerender } = batch({ id: undefined });
    expect(result.current.status).toBe("idle");
    rerender({ id: "batch_1" });
    await step();
    expect(engine().of("follow")).toEqual([[1, 2, "batch_1", "", true]]);
    await step(() => tellRuns([runRow("run_a"), runRow("run_b")]));
    expect(result.current.runs).toHaveLength(2);
    rerender({ id: "batch_2" });
    expect(result.current.runs).toEqual([]);
  });

  it("can be stopped after another batch has taken its place", async () => {
    const { result, rerender } = batch({ id: "batch_1" });
    await step();
    rerender({ id: "batch_2" });
    await step();
    await step(result.current.stop);
    expect(result.current).toMatchObject({ status: "ended", endReason: "stopped" });
    await pass(1_000);
    expect(engine().of("unfollow")).toHaveLength(2);
  });
});
