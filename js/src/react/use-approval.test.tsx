import { render, renderHook, screen } from "@testing-library/react";
import { StrictMode } from "react";
import { describe, expect, it, vi } from "vitest";
import type { Send } from "../store/send-store.js";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { type ApprovalAnswer, useApproval } from "./use-approval.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

const options = { accessToken: "token" };
const mount = (initialProps: { runId?: string } = { runId: "run_1" }) =>
  renderHook(({ runId }: { runId?: string }) => useApproval(runId, options), { initialProps, wrapper: StrictMode });

const sent = () =>
  engine()
    .of("send")
    .map(([, runId, streamId, json]) => [runId, streamId, json]);
const finished = { code: "run-finished", retryable: false, status: 400 } as const;

describe.each([
  ["approve", "deny", true],
  ["deny", "approve", false],
] as const)("%s", (yes, no, approved) => {
  it("is one answer: the first under way closes both ways at once", async () => {
    const { result } = mount();
    expect(result.current).toMatchObject({ isOpen: true, status: "idle", answer: undefined, answered: undefined });
    const outcomes: Send<ApprovalAnswer>[] = [];
    await step(() => {
      result.current[yes]("fine").then((send) => outcomes.push(send));
      result.current[no]("changed my mind").then((send) => outcomes.push(send));
    });
    expect(sent()).toEqual([["run_1", "approval", JSON.stringify({ approved, note: "fine" })]]);
    expect(result.current).toMatchObject({
      isOpen: false,
      status: "sending",
      answer: { approved },
      answered: undefined,
    });
    await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
    expect(result.current).toMatchObject({ isOpen: false, status: "accepted", answer: { approved }, answered: "here" });
    await step(() => void result.current[no]());
    expect(sent()).toHaveLength(1);
    expect(outcomes).toMatchObject([
      { state: "accepted", data: { approved } },
      { state: "accepted", data: { approved } },
    ]);
  });

  it("opens both ways again when it was certainly not taken", async () => {
    const { result } = mount();
    await step(() => void result.current[yes]());
    const error = { code: "forbidden", retryable: false } as const;
    await step(() => engine().changeSend(newest("send"), { state: "rejected", error }));
    expect(result.current).toMatchObject({ isOpen: true, status: "rejected", answer: undefined, answered: undefined });
    expect(result.current.error?.code).toBe("forbidden");
    await step(() => void result.current[no]());
    await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
    expect(result.current).toMatchObject({ status: "accepted", answer: { approved: !approved }, answered: "here" });
    expect(result.current.error).toBeUndefined();
  });

  it("of a finished run was given elsewhere", async () => {
    const { result } = mount();
    await step(() => void result.current[yes]());
    await step(() => engine().changeSend(newest("send"), { state: "rejected", error: finished }));
    expect(result.current).toMatchObject({ isOpen: false, answer: undefined, answered: "elsewhere" });
    await step(() => void result.current[no]());
    expect(sent()).toHaveLength(1);
  });

  it("of unknown outcome stays the only one, and is sent again on request only", async () => {
    const { result } = mount();
    await step(() => void result.current[yes]());
    await step(() => engine().changeSend(newest("send"), { state: "unknown" }));
    expect(result.current).toMatchObject({
      isOpen: false,
      status: "unknown",
      answer: { approved },
      answered: undefined,
    });
    await step(() => void result.current[no]());
    expect(sent()).toHaveLength(1);
    await step(() => result.current.retry());
    expect(engine().of("retrySend")).toHaveLength(1);
    await step(() => engine().changeSend(newest("send"), { state: "rejected", error: finished }));
    // The first attempt may be what finished the run.
    expect(result.current).toMatchObject({ isOpen: false, answer: { approved }, answered: undefined });
  });
});

it("is given up by a signal, the first time and again", async () => {
  const { result } = mount();
  const first = new AbortController();
  await step(() => void result.current.deny("late", { signal: first.signal }));
  await step(() => engine().changeSend(newest("send"), { state: "sending" }));
  await step(() => first.abort());
  expect(engine().of("cancelSend")).toHaveLength(1);
  await step(() => engine().changeSend(newest("send"), { state: "unknown" }));
  await step(() => result.current.retry({ signal: first.signal }));
  expect(engine().of("retrySend")).toHaveLength(0);
  const second = new AbortController();
  await step(() => result.current.retry({ signal: second.signal }));
  expect(engine().of("retrySend")).toHaveLength(1);
  await step(() => second.abort());
  expect(engine().of("cancelSend")).toHaveLength(2);
});

it("can be taken back while it is queued, and not once it has left", async () => {
  const { result } = mount();
  await step(() => void result.current.approve());
  await step(() => engine().changeSend(newest("send"), { state: "queued", waitingFor: "online" }));
  expect(result.current.waitingFor).toBe("online");
  await step(() => result.current.takeBack());
  expect(engine().of("cancelSend")).toHaveLength(1);
  await step(() => engine().changeSend(newest("send"), { state: "cancelled" }));
  expect(result.current).toMatchObject({ isOpen: true, status: "idle", answer: undefined });
  await step(() => void result.current.deny());
  await step(() => engine().changeSend(newest("send"), { state: "sending" }));
  await step(() => result.current.takeBack());
  expect(engine().of("cancelSend")).toHaveLength(1);
});

it("is one answer for all components on the page", async () => {
  const [one, two] = [mount(), mount()];
  await step(() => {
    one.result.current.approve();
    two.result.current.deny();
  });
  expect(sent()).toHaveLength(1);
  expect(two.result.current).toMatchObject({ isOpen: false, answer: { approved: true } });
});

it("belongs to its run, and is not open without one", async () => {
  const { result, rerender } = mount({});
  expect(result.current.isOpen).toBe(false);
  await step(() => void result.current.approve());
  expect(result.current).toMatchObject({ status: "rejected", answered: undefined });
  expect(fakePage.loader.loads).toBe(0);
  rerender({ runId: "run_1" });
  await step(() => void result.current.approve());
  rerender({ runId: "run_2" });
  expect(result.current).toMatchObject({ isOpen: true, status: "idle", answer: undefined });
});

it("takes a handler's event for no note, and another stream by name", async () => {
  function Buttons() {
    const { approve } = useApproval("run_1", { ...options, streamId: "release" });
    return (
      <button type="button" onClick={approve}>
        Yes
      </button>
    );
  }
  render(<Buttons />, { wrapper: StrictMode });
  await step(() => screen.getByText("Yes").click());
  expect(sent()).toEqual([["run_1", "release", '{"approved":true}']]);
});

it("keeps its functions over renders", () => {
  const { result, rerender } = mount();
  const { approve, deny, retry, takeBack } = result.current;
  rerender({ runId: "run_2" });
  expect(result.current).toMatchObject({ approve, deny, retry, takeBack });
});
