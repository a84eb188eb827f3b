import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { RELEASE_DELAY_MS } from "../store/registry.js";
import { engine, newest, pass, SUCCEEDED, step, tellChange, tellRuns, watchPageOfEachTest } from "../testing/hooks.js";
import { runRow } from "../testing/runs.js";
import type { UseRealtimeSingleRunOptions } from "./use-realtime-run.js";
import { useRealtimeRunWithStreams } from "./use-realtime-run-with-streams.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props extends UseRealtimeSingleRunOptions {
  runId?: string | undefined;
}

const ready: Props = { runId: "run_a", accessToken: "token", throttleInMs: 0 };

function mount(initialProps: Props = ready) {
  const seen: [string | undefined, object][] = [];
  const mounted = renderHook(
    ({ runId, ...options }: Props) => {
      const result = useRealtimeRunWithStreams(runId, options);
      seen.push([runId, result.streams]);
      return result;
    },
    { initialProps, wrapper: StrictMode },
  );
  return { ...mounted, seen };
}

const read = () =>
  engine()
    .of("subscribe")
    .map(([, run, key]) => `${run} ${key}`);
const withStreams = (...keys: string[]) => ({ realtimeStreams: `{${keys.join()}}` });

it("opens one read for each stream that the run has, and for each that comes", async () => {
  const { result } = mount();
  expect(result.current.streams).toEqual({});
  await step();
  await step(() => tellRuns([runRow("run_a", withStreams("ai"))]));
  expect(read()).toEqual(["run_a ai"]);
  expect(result.current.streams).toEqual({});
  const ai = newest("subscribe");
  await step(() => engine().parts(ai, ["Hel", "lo"], "1"));
  expect(result.current.streams).toEqual({ ai: ["Hel", "lo"] });
  await step(() => tellChange("run_a", withStreams("ai", "log")));
  await step(() => tellChange("run_a", { usageDurationMs: "100" }));
  expect(read()).toEqual(["run_a ai", "run_a log"]);
  await step(() => engine().parts(newest("subscribe"), [{ step: 1 }], "0"));
  await step(() => engine().parts(ai, ["!"], "2"));
  expect(result.current.streams).toEqual({ ai: ["Hel", "lo", "!"], log: [{ step: 1 }] });
  await step(() => tellChange("run_a", SUCCEEDED));
  expect(result.current.streams.ai).toHaveLength(3);
  await pass(RELEASE_DELAY_MS);
  expect(engine().of("unsubscribe")).toEqual([]);
});

it("reads what the metadata name in $$streams, if they name any", async () => {
  mount();
  await step();
  const metadata = JSON.stringify({ $$streams: ["named"] });
  await step(() => tellRuns([runRow("run_a", { ...withStreams("other"), metadata })]));
  expect(read()).toEqual(["run_a named"]);
});

it("never shows streams of one run under the id of another", async () => {
  const { result, rerender, seen } = mount();
  await step();
  await step(() => tellRuns([runRow("run_a", withStreams("ai"))]));
  const ofA = newest("subscribe");
  await step(() => engine().parts(ofA, ["of a"], "1"));
  rerender({ ...ready, runId: "run_b" });
  expect(result.current.streams).toEqual({});
  await step();
  await step(() => engine().parts(ofA, ["late"], "2"));
  await step(() => tellRuns([runRow("run_b", withStreams("ai"))]));
  await step(() => engine().parts(newest("subscribe"), ["of b"], "1"));
  expect(result.current.streams).toEqual({ ai: ["of b"] });
  for (const [run, streams] of seen) {
    if (run === "run_b") expect(JSON.stringify(streams)).not.toMatch(/of a|late/);
  }
  await pass(RELEASE_DELAY_MS);
  expect(engine().of("unsubscribe")).toEqual([[ofA]]);
});

it("shows what is wrong with the run, and what is wrong with a stream, until it is not", async () => {
  const { result } = mount();
  await step();
  await step(() => tellRuns([runRow("run_a", withStreams("ai"))]));
  const forbidden = { code: "forbidden", retryable: false, status: 403 } as const;
  await step(() =>
    engine().changeStream(newest("subscribe"), { status: "failed", endReason: "forbidden", error: forbidden }),
  );
  expect(result.current).toMatchObject({ error: { code: "forbidden" }, run: { id: "run_a" } });
  const server = { code: "server", retryable: true } as const;
  await step(() => engine().changeFeed(newest("follow"), { status: "reconnecting", error: server }));
  expect(result.current.error?.code).toBe("server");
  await step(() => {
    engine().changeFeed(newest("follow"), { status: "live" });
    engine().changeStream(newest("subscribe"), { status: "live" });
  });
  expect(result.current.error).toBeUndefined();
});

it("renders no oftener than the throttle says", async () => {
  let renders = 0;
  const { result } = renderHook(() => {
    renders += 1;
    return useRealtimeRunWithStreams("run_a", { accessToken: "token", throttleInMs: 100 });
  });
  await step();
  await step(() => tellRuns([runRow("run_a", withStreams("ai"))]));
  await pass(100);
  await step();
  const before = renders;
  for (let n = 0; n < 300; n += 1) {
    await step(() => engine().parts(newest("subscribe"), [n], String(n)));
  }
  await pass(100);
  expect(result.current.streams.ai).toHaveLength(300);
  expect(renders - before).toBeLessThanOrEqual(12);
});

it("stop ends the run and its streams, and keeps what is there", async () => {
  const { result } = mount();
  await step();
  await step(() => tellRuns([runRow("run_a", withStreams("ai"))]));
  await step(() => engine().parts(newest("subscribe"), ["kept"], "1"));
  await step(result.current.stop);
  await pass(RELEASE_DELAY_MS);
  expect(engine().of("unfollow")).toHaveLength(1);
  expect(engine().of("unsubscribe")).toHaveLength(1);
  expect(result.current).toMatchObject({ endReason: "stopped", streams: { ai: ["kept"] }, run: { id: "run_a" } });
});
