import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";
import { type UseApiClientOptions, useApiClient } from "./use-api-client.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

const mount = (initialProps: UseApiClientOptions) =>
  renderHook((options: UseApiClientOptions) => useApiClient(options), { initialProps, wrapper: StrictMode });

it("is the same client over renders, components and renewed tokens, and another for another server or scopes", () => {
  const accessToken = fakeJwt({ scopes: ["read:runs"], exp: 1 });
  const { result, rerender } = mount({ accessToken });
  const first = result.current;
  expect(first).toBeDefined();
  rerender({ accessToken: fakeJwt({ scopes: ["read:runs"], exp: 2 }) });
  expect(result.current).toBe(first);
  expect(mount({ accessToken }).result.current).toBe(first);
  rerender({ accessToken: fakeJwt({ scopes: ["write:runs"] }) });
  expect(result.current).not.toBe(first);
  rerender({ accessToken, baseURL: "https://other.example.com" });
  expect(result.current).not.toBe(first);
});

it("is undefined as long as there is no token, and throws nothing", () => {
  const { result, rerender } = mount({ accessToken: undefined });
  expect(result.current).toBeUndefined();
  rerender({ enabled: false, accessToken: undefined });
  expect(result.current).toBeUndefined();
  expect(fakePage.loader.loads).toBe(0);
});

it("sends with the renewed token, and goes on when the component is gone", async () => {
  const { result, rerender, unmount } = mount({ accessToken: fakeJwt({ scopes: [], exp: 1 }) });
  const renewed = fakeJwt({ scopes: [], exp: 2 });
  rerender({ accessToken: renewed });
  const sent = result.current?.send("run_1", "approval", { approved: true });
  unmount();
  await step();
  expect(engine().of("setToken")).toEqual([[1, renewed]]);
  await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
  expect(await sent).toMatchObject({ runId: "run_1", streamId: "approval" });
});

it("keeps the newest token, where a component comes with an older one", async () => {
  const until = (exp: number) => ({ accessToken: fakeJwt({ scopes: [], exp }) });
  const { result } = mount(until(2));
  mount(until(1));
  result.current?.send("run_1", "approval", {}).catch(() => {});
  await step();
  mount(until(1));
  mount(until(2));
  mount(until(3));
  expect(engine().of("setToken")).toEqual([
    [1, until(2).accessToken],
    [1, until(3).accessToken],
  ]);
});
