import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { useRealtimeStream } from "./use-realtime-stream.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

it("onComplete is called once for a run that is shown again after another", async () => {
  const completed: string[] = [];
  const { rerender } = renderHook(
    ({ runId }: { runId: string }) =>
      useRealtimeStream(runId, "draft", {
        accessToken: "t",
        throttleInMs: 0,
        onComplete: ({ parts }) => completed.push(`${runId}: ${parts}`),
      }),
    { initialProps: { runId: "A" }, wrapper: StrictMode },
  );
  const finish = () =>
    step(() => {
      engine().parts(newest("subscribe"), ["all"], "0");
      engine().changeStream(newest("subscribe"), { status: "ended", endReason: "run-finished" });
    });
  await step();
  await finish();
  for (const runId of ["B", "A"]) {
    rerender({ runId });
    await step();
    await finish();
  }
  expect(completed).toEqual(["A: all", "B: all"]);
});
