import { readFileSync } from "node:fs";
import { render, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, SUCCEEDED, step, tellChange, tellRuns, watchPageOfEachTest } from "../testing/hooks.js";
import App from "../testing/readme-examples.js";
import { MonthlyReport } from "../testing/readme-run.js";
import { runRow } from "../testing/runs.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

/** The blocks of TSX in a page, each from its first declaration on: imports differ. */
const codeOf = (page: string) =>
  [...readFileSync(page, "utf8").matchAll(/```tsx\n.*?\n\n(.*?)```/gs)].map(([, code]) => code?.trim());

it("the README's examples are those that are tested", () => {
  const tested = ["readme-examples", "readme-run"].map((name) => readFileSync(`src/testing/${name}.tsx`, "utf8"));
  const examples = codeOf("../README.md");
  expect(examples).toHaveLength(tested.length);
  for (const [index, code] of examples.entries()) expect(tested[index]).toContain(code);
});

it("the README's example waits for a run, shows the draft and sends the answer once", async () => {
  vi.stubGlobal("fetch", async (route: string) => new Response(route === "/api/start" ? "run_1" : "token"));
  render(<App />, { wrapper: StrictMode });
  expect(screen.getByText("Approve")).toHaveProperty("disabled", true);
  expect(fakePage.loader.loads).toBe(0);
  await step(() => screen.getByText("Start").click());
  await vi.waitFor(() => expect(screen.getByText("Approve")).toHaveProperty("disabled", false));
  await step();
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
  vi.unstubAllGlobals();
});

it("the README's second example triggers, follows and shows the result", async () => {
  const logged = vi.spyOn(console, "log").mockImplementation(() => {});
  const { rerender } = render(<MonthlyReport accessToken={undefined} />, { wrapper: StrictMode });
  const button = screen.getByText("Make the report");
  expect(button).toHaveProperty("disabled", true);
  rerender(<MonthlyReport accessToken="token" />);
  await step(() => button.click());
  expect(button).toHaveProperty("disabled", true);
  await step(() => engine().answerCall(newest("call"), { id: "run_1", isCached: false }, "run-token"));
  await step(() => tellRuns([runRow("run_1", { metadata: '{"percent":40}' })]));
  await vi.waitFor(() => expect(screen.getByRole("progressbar")).toHaveProperty("value", 40));
  await step(() => tellChange("run_1", { ...SUCCEEDED, output: '{"url":"https://example.com/report"}' }));
  await vi.waitFor(() => expect(screen.getByText("Open it").getAttribute("href")).toBe("https://example.com/report"));
  expect(logged.mock.calls).toEqual([["run_1 has ended as COMPLETED"]]);
  expect(button).toHaveProperty("disabled", false);
  logged.mockRestore();
});
