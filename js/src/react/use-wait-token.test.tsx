import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { type UseWaitTokenOptions, useWaitToken } from "./use-wait-token.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

interface Props extends UseWaitTokenOptions {
  id?: string | undefined;
}

const ready: Props = { id: "waitpoint_1", accessToken: "token" };

function mount(initialProps: Props = ready) {
  return renderHook(({ id, ...options }: Props) => useWaitToken<{ ok: boolean }>(id, options), {
    initialProps,
    wrapper: StrictMode,
  });
}

const succeed = () => step(() => engine().answerCall(newest("call"), { success: true }));

it("completes the token with plain JSON", async () => {
  const { result } = mount();
  expect(result.current).toMatchObject({ isReady: true, isLoading: false, isCompleted: false, error: undefined });
  await step(() => result.current.complete({ ok: true }));
  expect(engine().of("call")).toEqual([[1, 1, "waitpoint_1", '{"data":{"ok":true}}']]);
  expect(result.current.isLoading).toBe(true);
  await succeed();
  expect(result.current).toMatchObject({ isLoading: false, isCompleted: true, error: undefined });
});

it("shows a failure as a value, and completes when it is tried again", async () => {
  const { result } = mount();
  await step(() => result.current.complete({ ok: true }));
  await step(() => engine().failCall(newest("call"), { code: "not-found", retryable: false, status: 404 }));
  expect(result.current).toMatchObject({ isLoading: false, isCompleted: false, error: { code: "not-found" } });
  await step(() => result.current.complete({ ok: true }));
  await succeed();
  expect(result.current).toMatchObject({ isCompleted: true, error: undefined });
});

it("completeAsync settles as the call does", async () => {
  const { result } = mount();
  const done = result.current.completeAsync({ ok: true });
  await step();
  await succeed();
  await expect(done).resolves.toBeUndefined();
  const failed = expect(result.current.completeAsync({ ok: false })).rejects.toMatchObject({ code: "forbidden" });
  await step();
  await step(() => engine().failCall(newest("call"), { code: "forbidden", retryable: false }));
  await failed;
});

it.each([
  ["an id", { ...ready, id: undefined }, "invalid-options"],
  ["an access token", { ...ready, accessToken: undefined }, "token-missing"],
  ["being enabled", { ...ready, enabled: false }, "invalid-options"],
])("is not ready without %s, and says so when it is completed all the same", async (_, props, code) => {
  const { result, rerender } = mount(props);
  expect(result.current).toMatchObject({ isReady: false, error: undefined });
  await step(() => result.current.complete({ ok: true }));
  expect(result.current.error?.code).toBe(code);
  expect(fakePage.loader.loads).toBe(0);
  rerender(ready);
  expect(result.current.isReady).toBe(true);
});

it("does not show one token completed because another was", async () => {
  const { result, rerender } = mount();
  await step(() => result.current.complete({ ok: true }));
  rerender({ ...ready, id: "waitpoint_2" });
  expect(result.current).toMatchObject({ isLoading: false, isCompleted: false });
  await succeed();
  expect(result.current.isCompleted).toBe(false);
  rerender(ready);
  expect(result.current.isCompleted).toBe(true);
});
