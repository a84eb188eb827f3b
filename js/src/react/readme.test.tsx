import { readFileSync } from "node:fs";
import { render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { App } from "../testing/readme-examples.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

/** The first block of TSX in a page, from its first declaration on: imports differ. */
const codeOf = (page: string) => /```tsx\n.*?\n\n(.*?)```/s.exec(readFileSync(page, "utf8"))?.[1]?.trim();

it("the README's example is the one that is tested", () => {
  const tested = readFileSync("src/testing/readme-examples.tsx", "utf8");
  expect(tested).toContain(codeOf("../README.md"));
});

it("the README's example waits for a run, shows the draft and sends the answer once", async () => {
  const { rerender } = render(<App runId={undefined} />, { wrapper: StrictMode });
  expect(screen.getByText("Approve")).toHaveProperty("disabled", true);
  expect(fakePage.loader.loads).toBe(0);
  await step(() => rerender(<App runId="run_1" />));
  await step(() => engine().changeStream(newest("subscribe"), { status: "live" }));
  await step(() => engine().parts(newest("subscribe"), ["Dear ", "reader"], "1"));
  await vi.waitFor(() => screen.getByText("Dear reader"));
  await step(() => {
    screen.getByText("Approve").click();
    screen.getByText("Approve").click();
  });
  expect(engine().of("send")).toHaveLength(1);
  await step(() =>
    engine().changeSend(newest("send"), { state: "unknown", error: { code: "blocked", retryable: true } }),
  );
  screen.getByText("No reply came. Send again?");
  await step(() => screen.getByText("No reply came. Send again?").click());
  await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
  screen.getByText("The task has your answer.");
});
