import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import type { SchemaResult, StandardSchema } from "../client/schema.js";
import { engine, newest, pass, SUCCEEDED, step, tellChange, tellRuns, watchPageOfEachTest } from "../testing/hooks.js";
import { runRow } from "../testing/runs.js";
import { useRunMetadata } from "./use-run-metadata.js";
import { useRunStatus } from "./use-run-status.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props {
  runId?: string | undefined;
}
const ready: Props = { runId: "run_a" };
const options = { accessToken: "token", throttleInMs: 0 };
const skipped = () =>
  engine()
    .of("follow")
    .map(([, , , query]) => new URLSearchParams(String(query)).get("skipColumns")?.split(","));

describe("useRunStatus", () => {
  it("asks for no payload, output, metadata or error, and for every date", async () => {
    renderHook(() => useRunStatus("run_a", options));
    await step();
    const [columns] = skipped();
    expect(columns).toEqual(expect.arrayContaining(["payload", "output", "metadata", "error", "runTags"]));
    expect(columns).not.toEqual(expect.arrayContaining(["completedAt"]));
    expect(columns?.some((name) => /At$|status|delayUntil/.test(name))).toBe(false);
  });

  it("renders only when the status, a boolean or a date changes", async () => {
    let renders = 0;
    const { result } = renderHook(() => {
      renders += 1;
      return useRunStatus("run_a", options);
    });
    await step();
    await step(() => tellRuns([runRow("run_a")]));
    const { run } = result.current;
    expect(run).toMatchObject({ id: "run_a", status: "EXECUTING", isExecuting: true, rawStatus: "EXECUTING" });
    expect(run).not.toHaveProperty("payload");
    const before = renders;
    await step(() => tellChange("run_a", { usageDurationMs: "9000", updatedAt: "2026-11-21T23:00:00.000" }));
    await step(() => tellChange("run_a", { startedAt: "2026-11-21T22:54:10.2520" }));
    expect(result.current.run).toBe(run);
    expect(renders).toBe(before);
    await step(() => tellChange("run_a", { status: "PAUSED" }));
    expect(result.current.run).toMatchObject({ status: "WAITING", rawStatus: "PAUSED" });
    await step(() => tellChange("run_a", { status: "CANCELED", completedAt: "2026-11-21T22:54:12.000" }));
    expect(result.current).toMatchObject({ isFinished: true, run: { isCompleted: false, isCancelled: true } });
  });

  it("never shows one run under the id of another", async () => {
    const { result, rerender } = renderHook(({ runId }: Props) => useRunStatus(runId, options), {
      initialProps: ready,
      wrapper: StrictMode,
    });
    await step();
    await step(() => tellRuns([runRow("run_a", SUCCEEDED)]));
    expect(result.current.isFinished).toBe(true);
    rerender({ runId: "run_b" });
    expect(result.current).toMatchObject({ run: undefined, isFinished: false });
    rerender({ runId: undefined });
    expect(result.current).toMatchObject({ run: undefined, status: "idle" });
  });
});

describe("useRunMetadata", () => {
  interface Progress {
    percent: number;
  }

  /** A schema that wants a percentage, and makes a number of a text. */
  function schemaOf(answer: (result: SchemaResult) => SchemaResult | Promise<SchemaResult> = (result) => result) {
    const validate = vi.fn((value: unknown) => {
      const percent = Number(Object(value).percent);
      const issue = { message: "expected a number", path: ["percent"] };
      return answer(Number.isNaN(percent) ? { issues: [issue] } : { value: { percent } });
    });
    const standard = { version: 1, vendor: "test", validate } as const;
    return { "~standard": standard } as StandardSchema<Progress> & {
      "~standard": { validate: typeof validate; types?: { input: Progress; output: Progress } };
    };
  }

  const metadata = (value: unknown) => ({ metadata: JSON.stringify(value) });

  function mount(schema?: () => ReturnType<typeof schemaOf>) {
    return renderHook(({ runId }: Props) => useRunMetadata(runId, { ...options, schema: schema?.() }), {
      initialProps: ready,
      wrapper: StrictMode,
    });
  }

  it("gives the metadata as they are without a schema, and asks for no payload and output", async () => {
    const { result } = mount();
    await step();
    expect(skipped()).toEqual([["output", "outputType", "payload", "payloadType"]]);
    await step(() => tellRuns([runRow("run_a", metadata({ percent: 5, log: ["a"] }))]));
    expect(result.current).toMatchObject({ metadata: { percent: 5, log: ["a"] }, error: undefined });
  });

  it("keeps the last that fit, next to an error that names what does not", async () => {
    const schema = schemaOf();
    const { result } = mount(() => schema);
    await step();
    await step(() => tellRuns([runRow("run_a", metadata({ percent: "5" }))]));
    expect(result.current).toMatchObject({ metadata: { percent: 5 }, error: undefined });
    await step(() => tellChange("run_a", metadata({ percent: "half" })));
    expect(result.current.metadata).toEqual({ percent: 5 });
    expect(result.current.error).toMatchObject({ code: "invalid-data" });
    expect(result.current.error?.message).toContain("percent: expected a number");
    await step(() => tellChange("run_a", metadata({ percent: 7 })));
    expect(result.current).toMatchObject({ metadata: { percent: 7 }, error: undefined });
  });

  it("checks once per change, whatever schema each render makes, and gives the same object meanwhile", async () => {
    const made: ReturnType<typeof schemaOf>[] = [];
    const { result, rerender } = renderHook(() => {
      const schema = schemaOf();
      made.push(schema);
      return useRunMetadata("run_a", { ...options, schema });
    });
    await step();
    await step(() => tellRuns([runRow("run_a", metadata({ percent: 5 }))]));
    const first = result.current.metadata;
    rerender();
    await step(() => tellChange("run_a", { usageDurationMs: "99" }));
    expect(result.current.metadata).toBe(first);
    const checks = made.flatMap((schema) => vi.mocked(schema["~standard"].validate).mock.calls);
    expect(checks).toHaveLength(1);
  });

  it("shows what a schema says later only if it is still about the newest metadata of this run", async () => {
    const answers: (() => void)[] = [];
    const schema = schemaOf((result) => new Promise((resolve) => answers.push(() => resolve(result))));
    const { result, rerender } = renderHook(({ runId }: Props) => useRunMetadata(runId, { ...options, schema }), {
      initialProps: ready,
    });
    await step();
    await step(() => tellRuns([runRow("run_a", metadata({ percent: 1 }))]));
    await step(() => tellChange("run_a", metadata({ percent: 2 })));
    expect(answers).toHaveLength(2);
    await step(answers[1]);
    expect(result.current.metadata).toEqual({ percent: 2 });
    await step(answers[0]);
    expect(result.current.metadata).toEqual({ percent: 2 });
    await step(() => tellChange("run_a", metadata({ percent: "x" })));
    await step(answers[2]);
    expect(result.current).toMatchObject({ metadata: { percent: 2 }, error: { code: "invalid-data" } });
    await step(() => tellChange("run_a", metadata({ percent: 3 })));
    rerender({ runId: "run_b" });
    await step(answers[3]);
    expect(result.current).toMatchObject({ metadata: undefined, error: undefined });
  });

  it("takes a schema that throws or rejects for metadata that cannot be checked", async () => {
    for (const fail of [
      () => {
        throw new Error("broken");
      },
      () => Promise.reject(new Error("broken")),
    ]) {
      const { result, unmount } = mount(() => schemaOf(fail));
      await step();
      await step(() => tellRuns([runRow("run_a", metadata({ percent: 5 }))]));
      expect(result.current).toMatchObject({ metadata: undefined, error: { code: "invalid-data" } });
      unmount();
      await pass(1_000);
    }
  });

  it("never shows metadata of one run under the id of another", async () => {
    const schema = schemaOf();
    const { result, rerender } = mount(() => schema);
    await step();
    await step(() => tellRuns([runRow("run_a", metadata({ percent: 5 }))]));
    rerender({ runId: "run_b" });
    expect(result.current.metadata).toBeUndefined();
    await step();
    await step(() => tellRuns([runRow("run_b", metadata({ percent: "x" }))]));
    expect(result.current).toMatchObject({ metadata: undefined, error: { code: "invalid-data" } });
    expect(newest("follow")).toBeGreaterThan(1);
  });
});
