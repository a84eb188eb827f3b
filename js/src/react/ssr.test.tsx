// @vitest-environment node
import { version } from "react";
import { version as domVersion } from "react-dom";
import { renderToString } from "react-dom/server";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { TidegateProvider } from "./provider.js";
import { useApiClient } from "./use-api-client.js";
import { useInputStreamSend } from "./use-input-stream-send.js";
import { useRealtimeRun } from "./use-realtime-run.js";
import { useRealtimeRunWithStreams } from "./use-realtime-run-with-streams.js";
import { useRealtimeBatch, useRealtimeRunsWithTag } from "./use-realtime-runs.js";
import { useRealtimeStream } from "./use-realtime-stream.js";
import { useRealtimeTaskTrigger, useRealtimeTaskTriggerWithStreams } from "./use-realtime-task-trigger.js";
import { useRun } from "./use-run.js";
import { useRunMetadata } from "./use-run-metadata.js";
import { useRunStatus } from "./use-run-status.js";
import { useTaskTrigger } from "./use-task-trigger.js";
import { useWaitToken } from "./use-wait-token.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

function Page({ runId }: { runId?: string }) {
  const single = useRealtimeRun(runId, { onComplete: () => {} });
  const streaming = useRealtimeRunWithStreams(runId);
  const several = [useRealtimeRunsWithTag(runId), useRealtimeBatch(runId)];
  const asked = useRun(runId ?? "", { refreshInterval: 1_000 });
  const triggers = [
    useTaskTrigger("hello"),
    useRealtimeTaskTrigger("hello"),
    useRealtimeTaskTriggerWithStreams("hello"),
  ];
  const views = [useRunStatus(runId), useRunMetadata(runId)];
  const followed = [single, streaming, ...several, ...views];
  const token = useWaitToken(runId);
  const client = useApiClient();
  const idle = followed.every(({ status, error }) => status === "idle" && !error);
  const still = [...triggers, token, asked].every(({ isLoading, error }) => !isLoading && !error);
  const facts = [idle, still, asked.isValidating, token.isReady, triggers.every(({ isReady }) => isReady), !!client];
  const { status, isReady } = useInputStreamSend("approval", runId);
  const { status: reading, parts } = useRealtimeStream(runId, "draft");
  return <p>{`${status} ${isReady} ${reading} ${parts.length} ${facts}`}</p>;
}

it.each([
  ["with everything", "run_1", "token", "idle true idle 0 true,true,false,true,true,true"],
  ["without a run", undefined, "token", "idle false idle 0 true,true,false,false,true,true"],
  ["without a token", "run_1", undefined, "idle false idle 0 true,true,false,false,false,false"],
])("renders idle on a server %s, and touches nothing", (_, runId, accessToken, expected) => {
  fakePage.reset();
  const warned = vi.spyOn(console, "error");
  const timers = vi.spyOn(globalThis, "setTimeout");
  const html = renderToString(
    <TidegateProvider accessToken={accessToken} baseURL="/trigger">
      <Page {...(runId !== undefined && { runId })} />
    </TidegateProvider>,
  );
  expect(html).toBe(`<p>${expected}</p>`);
  expect(fakePage.loader.loads).toBe(0);
  expect(timers).not.toHaveBeenCalled();
  expect(warned).not.toHaveBeenCalled();
});

it("runs on the React that the test configuration names", () => {
  expect([version, domVersion].map((text) => text.split(".")[0])).toEqual([
    process.env.REACT_MAJOR,
    process.env.REACT_MAJOR,
  ]);
});
