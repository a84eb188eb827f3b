import { render, renderHook } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";
import {
  TidegateProvider,
  TriggerAuthContext,
  useTriggerAuthContext,
  useTriggerAuthContextOptional,
} from "./provider.js";
import { useInputStreamSend } from "./use-input-stream-send.js";
import { useRealtimeStream } from "./use-realtime-stream.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

function Reader({ streamKey = "draft", accessToken }: { streamKey?: string; accessToken?: () => string }) {
  useRealtimeStream("run_1", streamKey, { accessToken });
  useInputStreamSend("approval", "run_1");
  return null;
}

it("gives token, base URL and branch to the hooks below it; an inner one changes what it names", async () => {
  render(
    <TidegateProvider accessToken="outer" baseURL="https://one.example.com" previewBranch="b">
      <Reader />
      <TidegateProvider baseURL="https://two.example.com">
        <Reader />
      </TidegateProvider>
    </TidegateProvider>,
  );
  await step();
  expect(engine().of("openPrincipal").slice().sort()).toEqual([
    ["https://one.example.com", "b", false, false],
    ["https://two.example.com", "b", false, false],
  ]);
});

it("is a TriggerAuthContext, whose value can be set as it is", async () => {
  const value = { accessToken: "t", baseURL: "https://x.example.com", requestOptions: { retry: { maxAttempts: 1 } } };
  render(
    <TriggerAuthContext.Provider value={value}>
      <Reader />
    </TriggerAuthContext.Provider>,
  );
  await step();
  expect(engine().of("setToken")).toEqual([[1, "t"]]);
});

it("reconnects nothing for a new inline function, and calls the newest", async () => {
  const calls: number[] = [];
  function App({ render, children }: { render: number; children: ReactNode }) {
    const accessToken = () => {
      calls.push(render);
      return "token";
    };
    return (
      <StrictMode>
        <TidegateProvider accessToken={accessToken}>{children}</TidegateProvider>
      </StrictMode>
    );
  }
  const { rerender } = render(
    <App render={1}>
      <Reader />
    </App>,
  );
  await step();
  for (const count of [2, 3])
    rerender(
      <App render={count}>
        <Reader />
        <Reader streamKey="other" />
      </App>,
    );
  await step();
  expect(engine().of("openPrincipal")).toHaveLength(1);
  expect(
    engine()
      .of("subscribe")
      .map((args) => args[2]),
  ).toEqual(["draft", "other"]);
  await step(() => engine().emit({ type: "token-needed", principal: 1 }));
  expect(calls).toEqual([3]);
});

it("asks refreshAccessToken, the newest, once the token that was given has been used", async () => {
  const calls: number[] = [];
  const { rerender, result } = renderHook(
    ({ count }) => {
      const options = {
        accessToken: "first",
        refreshAccessToken: async () => {
          calls.push(count);
          return `next ${count}`;
        },
      };
      useRealtimeStream("run_1", "draft", options);
      return useRealtimeStream("run_1", "result", options);
    },
    { initialProps: { count: 1 }, wrapper: StrictMode },
  );
  await step();
  const given = () => engine().of("setToken");
  await step(() => engine().emit({ type: "token-needed", principal: 1 }));
  expect(given()).toEqual([[1, "first"]]);
  expect(calls).toEqual([]);
  rerender({ count: 2 });
  await step(() => engine().emit({ type: "token-needed", principal: 1 }));
  expect(given()).toEqual([
    [1, "first"],
    [1, "next 2"],
  ]);
  expect(engine().of("openPrincipal")).toHaveLength(1);
  expect(result.current.status).toBe("connecting");
});

it("keeps tokens of other scopes apart where both come with the same refreshAccessToken", async () => {
  const refreshAccessToken = async () => "next";
  const { rerender } = renderHook(
    ({ scope }) =>
      useRealtimeStream("run_1", "draft", { accessToken: fakeJwt({ scopes: [scope] }), refreshAccessToken }),
    { initialProps: { scope: "read:runs:run_1" } },
  );
  await step();
  rerender({ scope: "read:runs" });
  await step();
  expect(engine().of("openPrincipal")).toHaveLength(2);
});

it("can be read by components, and is empty where there is none", () => {
  const wrapper = ({ children }: { children: ReactNode }) => (
    <TidegateProvider accessToken="token">{children}</TidegateProvider>
  );
  expect(renderHook(() => useTriggerAuthContext(), { wrapper }).result.current.accessToken).toBe("token");
  expect(renderHook(() => useTriggerAuthContext()).result.current).toEqual({});
  expect(renderHook(() => useTriggerAuthContextOptional()).result.current).toEqual({});
});

it("reconnects nothing for a new inline function in a hook's own options", async () => {
  const calls: number[] = [];
  const { rerender } = renderHook(
    ({ count }) =>
      useRealtimeStream("run_1", "draft", {
        accessToken: () => {
          calls.push(count);
          return "t";
        },
      }),
    { initialProps: { count: 1 }, wrapper: StrictMode },
  );
  await step();
  rerender({ count: 2 });
  await step(() => engine().emit({ type: "token-needed", principal: 1 }));
  expect(engine().of("subscribe")).toHaveLength(1);
  expect(calls).toEqual([2]);
});

it("shares between components that were given the same function, and not between others", async () => {
  const same = () => "t";
  render(
    <>
      <Reader accessToken={same} />
      <Reader accessToken={same} />
      <Reader accessToken={() => "t"} />
    </>,
  );
  await step();
  expect(engine().of("subscribe")).toHaveLength(2);
});

it("subscribes anew for another kind of token, and for one with other scopes", async () => {
  const jwt = (scope: string) => fakeJwt({ scopes: [scope] });
  const { rerender, result } = renderHook(
    ({ accessToken }: { accessToken: string | (() => string) }) =>
      useRealtimeStream<string>("run_1", "draft", { accessToken, throttleInMs: 0 }),
    { initialProps: { accessToken: jwt("read:runs:run_1") as string | (() => string) } },
  );
  await step();
  await step(() => engine().parts(newest("subscribe"), ["seen as the first"], "1"));
  for (const accessToken of [jwt("read:runs"), () => "t"]) {
    rerender({ accessToken });
    expect(result.current.parts).toEqual([]);
    await step();
  }
  expect(engine().of("subscribe")).toHaveLength(3);
});

it("lets the streams below it be shared with other tabs, unless one of them says no", async () => {
  const request = vi.fn((_name: string, _options: object, held: () => Promise<void>) => held());
  Object.defineProperty(navigator, "locks", { configurable: true, value: { request } });
  function Streams() {
    useRealtimeStream("run_1", "draft");
    useRealtimeStream("run_1", "result", { shareTabs: false });
    return null;
  }
  render(
    <TidegateProvider accessToken={fakeJwt({ scopes: ["read:runs:run_1"] })} shareTabs>
      <Streams />
    </TidegateProvider>,
  );
  await step();
  await vi.dynamicImportSettled();
  await step();
  expect(request.mock.calls.map(([name]) => name)).toEqual([expect.stringContaining('"run_1","draft"')]);
  expect(engine().of("subscribe")).toHaveLength(2);
  Reflect.deleteProperty(navigator, "locks");
});
