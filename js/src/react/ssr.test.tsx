// @vitest-environment node
import { version } from "react";
import { version as domVersion } from "react-dom";
import { renderToString } from "react-dom/server";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { TidegateProvider } from "./provider.js";
import { useInputStreamSend } from "./use-input-stream-send.js";
import { useRealtimeStream } from "./use-realtime-stream.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

function Page({ runId }: { runId?: string }) {
  const { status, isReady } = useInputStreamSend("approval", runId);
  const { status: reading, parts } = useRealtimeStream(runId, "draft");
  return <p>{`${status} ${isReady} ${reading} ${parts.length}`}</p>;
}

it.each([
  ["with everything", "run_1", "token", "idle true idle 0"],
  ["without a run", undefined, "token", "idle false idle 0"],
  ["without a token", "run_1", undefined, "idle false idle 0"],
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
