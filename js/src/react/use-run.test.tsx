import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, pass, step, watchPageOfEachTest } from "../testing/hooks.js";
import { type UseRunOptions, useRun } from "./use-run.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props extends UseRunOptions {
  runId?: string | undefined;
}

const ready: Props = { runId: "run_a", accessToken: "token" };

function mount(initialProps: Props = ready) {
  return renderHook(({ runId, ...options }: Props) => useRun(runId, options), { initialProps, wrapper: StrictMode });
}

const retrieved = (change: object = {}) => ({
  id: "run_a",
  status: "EXECUTING",
  taskIdentifier: "quick",
  createdAt: "2026-11-21T22:54:10.206Z",
  updatedAt: "2026-11-21T22:54:10.352Z",
  isCompleted: false,
  isCancelled: false,
  ...change,
});
const CANCELED = { status: "CANCELED", isCancelled: true, finishedAt: "2026-11-21T22:54:12.000Z" };

const asked = () => engine().of("call").length;
const answer = (change?: object) => step(() => engine().answerCall(newest("call"), retrieved(change)));

it("asks once, under StrictMode and for several components, and shows the run", async () => {
  const [one, other] = [mount(), mount()];
  await step();
  expect(engine().of("call")).toEqual([[1, 2, "run_a", ""]]);
  expect(one.result.current).toMatchObject({ run: undefined, isLoading: true, isValidating: true, isError: false });
  await answer();
  expect(one.result.current).toMatchObject({ run: { id: "run_a" }, isLoading: false, isValidating: false });
  expect(other.result.current.run).toBe(one.result.current.run);
  await pass(60_000);
  expect(asked()).toBe(1);
});

it("waits for a token and a run, without an exception", async () => {
  const { result, rerender } = mount({ ...ready, accessToken: undefined });
  expect(result.current).toMatchObject({ run: undefined, isLoading: false, isError: false });
  rerender({ ...ready, runId: undefined });
  await step();
  expect(fakePage.loader.loads).toBe(0);
  rerender(ready);
  await step();
  expect(asked()).toBe(1);
});

it.each([
  ["canceled", CANCELED],
  ["completed", { status: "COMPLETED", isCompleted: true }],
])("asks again at each interval until the run is %s, and not once more", async (_, final) => {
  const { result } = mount({ ...ready, refreshInterval: 1_000 });
  await step();
  await answer();
  await pass(1_000);
  expect(asked()).toBe(2);
  expect(result.current).toMatchObject({ isLoading: false, isValidating: true });
  await answer(final);
  expect(result.current.isFinished).toBe(true);
  await pass(60_000);
  expect(asked()).toBe(2);
});

it("asks at the shortest interval that a component wants, and no more when they are gone", async () => {
  mount({ ...ready, refreshInterval: 10_000 });
  const fast = mount({ ...ready, refreshInterval: 1_000 });
  await step();
  await answer();
  await pass(1_000);
  await answer();
  expect(asked()).toBe(2);
  fast.unmount();
  await pass(9_999);
  expect(asked()).toBe(2);
  await pass(1);
  expect(asked()).toBe(3);
});

it("does not ask for a page that nobody sees", async () => {
  mount({ ...ready, refreshInterval: 1_000 });
  await step();
  await answer();
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  await pass(5_000);
  expect(asked()).toBe(1);
  hidden.mockReturnValue(false);
  await pass(1_000);
  expect(asked()).toBe(2);
  hidden.mockRestore();
});

it("shows a failure next to the run as it was, and clears it when it goes well again", async () => {
  const { result } = mount({ ...ready, refreshInterval: 1_000 });
  await step();
  await answer();
  await pass(1_000);
  await step(() => engine().failCall(newest("call"), { code: "server", retryable: true }));
  expect(result.current).toMatchObject({ run: { id: "run_a" }, isError: true, error: { code: "server" } });
  await pass(1_000);
  await answer();
  expect(result.current).toMatchObject({ isError: false, error: undefined });
});

it("tries again by itself what may go well later, and nothing else", async () => {
  const { rerender } = mount();
  await step();
  await step(() => engine().failCall(newest("call"), { code: "server", retryable: true }));
  await pass(10_000);
  expect(asked()).toBe(2);
  await step(() => engine().failCall(newest("call"), { code: "not-found", retryable: false }));
  await pass(600_000);
  expect(asked()).toBe(2);
  rerender({ ...ready, accessToken: undefined });
});

it("asks again with a new token when it was the token that failed", async () => {
  const { rerender } = mount({ ...ready, accessToken: () => "one" });
  await step();
  await step(() => engine().failCall(newest("call"), { code: "unauthorized", retryable: false }));
  expect(asked()).toBe(1);
  await step(() => engine().emit({ type: "token-needed", principal: 1 }));
  await step();
  expect(asked()).toBe(2);
  rerender({ ...ready, accessToken: undefined });
});

it("asks on focus and on reconnect only where it is told to", async () => {
  const quiet = mount();
  await step();
  await answer();
  const now = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 60_000);
  await step(() => window.dispatchEvent(new Event("focus")));
  await step(() => window.dispatchEvent(new Event("online")));
  expect(asked()).toBe(1);
  quiet.rerender({ ...ready, revalidateOnFocus: true, revalidateOnReconnect: true });
  await step();
  await answer();
  const before = asked();
  await step(() => window.dispatchEvent(new Event("focus")));
  expect(asked()).toBe(before);
  now.mockReturnValue(performance.now() + 60_000);
  await step(() => window.dispatchEvent(new Event("focus")));
  expect(asked()).toBe(before + 1);
  await answer();
  await step(() => window.dispatchEvent(new Event("online")));
  expect(asked()).toBe(before + 2);
  now.mockRestore();
});

it("never shows a run under the id of another, and gives up what nobody waits for", async () => {
  const { result, rerender, unmount } = mount();
  await step();
  await answer();
  rerender({ ...ready, runId: "run_b" });
  expect(result.current.run).toBeUndefined();
  await step();
  unmount();
  await pass(1_000);
  expect(engine().of("cancelCall")).toEqual([[newest("call")]]);
});
