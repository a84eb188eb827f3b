import { renderHook } from "@testing-library/react";
import { StrictMode } from "react";
import { expect, it, vi } from "vitest";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { useCancel } from "./use-cancel.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

const mount = () => renderHook(() => useCancel("run_1", { accessToken: "token" }), { wrapper: StrictMode });

it("is one press, however often it is pressed", async () => {
  const { result } = mount();
  expect(result.current).toMatchObject({ isOpen: true, status: "idle", outcome: undefined });
  await step(() => {
    result.current.cancel("wrong file");
    result.current.cancel();
  });
  expect(engine().of("send")).toEqual([[1, "run_1", "cancel", '{"reason":"wrong file"}']]);
  expect(result.current).toMatchObject({ isOpen: false, status: "sending", outcome: undefined });
  await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
  await step(() => void result.current.cancel());
  expect(engine().of("send")).toHaveLength(1);
  expect(result.current).toMatchObject({ isOpen: false, status: "accepted", outcome: "requested" });
});

it("says that the run was already finished", async () => {
  const { result } = mount();
  await step(() => void result.current.cancel());
  const error = { code: "run-finished", retryable: false, status: 400 } as const;
  await step(() => engine().changeSend(newest("send"), { state: "rejected", error }));
  expect(result.current).toMatchObject({ isOpen: false, outcome: "already-finished" });
});

it("can be pressed again when it was certainly not taken", async () => {
  const { result } = mount();
  await step(() => void result.current.cancel({ type: "click" }));
  await step(() =>
    engine().changeSend(newest("send"), { state: "rejected", error: { code: "rate-limited", retryable: true } }),
  );
  expect(result.current).toMatchObject({ isOpen: true, status: "rejected", outcome: undefined });
  await step(() => void result.current.cancel());
  expect(
    engine()
      .of("send")
      .map((args) => args[3]),
  ).toEqual(["{}", "{}"]);
});
