import { render, renderHook, screen, within } from "@testing-library/react";
import { act, StrictMode } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { TidegateEvent } from "../client/insight/events.js";
import { pageWatch } from "../client/watch.js";
import { debug, measure, on, TidegatePanel } from "../devtools.js";
import { TidegateProvider, useInputStreamSend, useRealtimeStream, useTidegateEvents } from "../react.js";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

const written = vi.fn();
beforeEach(() => {
  written.mockReset().mockResolvedValue(undefined);
  Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: written } });
});
afterEach(() => {
  Reflect.deleteProperty(navigator, "clipboard");
  vi.restoreAllMocks();
});

function Page({ withPanel = true }) {
  const { parts } = useRealtimeStream<string>("run_1", "draft");
  const { send } = useInputStreamSend("approval", "run_1");
  return (
    <>
      <p>{parts.join("")}</p>
      <button type="button" onClick={() => send({ secret: "payload" })}>
        Send
      </button>
      {withPanel && <TidegatePanel />}
    </>
  );
}

const accessToken = fakeJwt({ exp: Math.round(Date.now() / 1000) + 3600 });
const mount = async () => {
  const page = (withPanel: boolean) => (
    <StrictMode>
      <TidegateProvider baseURL="https://api.example.com" accessToken={accessToken}>
        <Page withPanel={withPanel} />
      </TidegateProvider>
    </StrictMode>
  );
  const { rerender } = render(page(true));
  await step();
  return { withoutPanel: () => rerender(page(false)) };
};
const panel = () => within(screen.getByRole("region", { name: "Tidegate" }));
const opener = () => panel().getByRole("button", { name: /^Tidegate:/ });
/** By hand: to ask for a role and a name takes jsdom a tenth of a second. */
const rowsOf = (caption: string) => {
  const table = [...document.querySelectorAll("table")].find((table) => table.caption?.textContent === caption);
  const rows = [...(table?.tBodies[0]?.rows ?? [])];
  return rows.map(({ cells }) => [...cells].map(({ textContent }) => textContent));
};

it("on a page that has asked for nothing yet, tells of no trouble", async () => {
  render(<TidegatePanel />);
  await step();
  expect(opener().textContent).toBe("Tidegate: core not in use, 0 of 0 readers live, 0 sends");
});

it("shows connections, sends, tokens and events, as they are and as they change", async () => {
  await mount();
  expect(opener().textContent).toBe("Tidegate: core running, 0 of 1 readers live, 0 sends");
  expect(opener().getAttribute("aria-expanded")).toBe("false");
  await step(() => opener().click());
  expect(opener().getAttribute("aria-expanded")).toBe("true");
  await step(() => engine().changeStream(newest("subscribe"), { status: "live" }));
  await step(() => engine().parts(newest("subscribe"), ["secret"], "4"));
  await step(() => screen.getByText("Send").click());
  await step(() => engine().changeSend(newest("send"), { state: "sending" }));
  expect(opener().textContent).toBe("Tidegate: core running, 1 of 1 readers live, 1 sends");
  expect(rowsOf("Connections")).toEqual([["1: stream draft of run_1", "live", "0", "", "4", "#1"]]);
  expect(rowsOf("Sends and calls under way")).toEqual([["1: approval of run_1", "sending", "1", "#1"]]);
  expect(rowsOf("Tokens")).toEqual([["#1", "https://api.example.com", "text", "there", "in 60 min"]]);
  const events = rowsOf("Recent events").map(([, type, what]) => `${type}: ${what}`);
  expect(events[0]).toBe("send: principal 1, send 1, runId run_1, streamId approval, state sending, attempt 1");
  expect(events).toContain("connect: principal 1, reader 1, kind stream, runId run_1, key draft");
  const error = { code: "blocked", retryable: true } as const;
  await step(() =>
    engine().changeStream(newest("subscribe"), { status: "reconnecting", attempt: 2, retryInMs: 30_000, error }),
  );
  expect(rowsOf("Connections")).toEqual([["1: stream draft of run_1", "reconnecting blocked", "2", "30 s", "4", "#1"]]);
  expect(panel().queryByText(/secret|payload|eyJ/)).toBeNull();
  expect(screen.getByRole("region", { name: "Tidegate" }).outerHTML).not.toContain("style=");
});

it("closes by Escape, gives the focus back, and stops listening when it goes", async () => {
  const { withoutPanel } = await mount();
  await step(() => opener().click());
  const copy = panel().getByRole("button", { name: "Copy the dump" });
  copy.focus();
  await step(() => copy.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true })));
  expect(panel().queryByRole("button", { name: "Copy the dump" })).toBeNull();
  expect(document.activeElement).toBe(opener());
  await step(withoutPanel);
  expect(pageWatch()).toMatchObject({ observe: undefined, early: [] });
  expect(pageWatch().listening.size).toBe(0);
});

it("copies the dump, and shows it where the clipboard is closed", async () => {
  await mount();
  await step(() => opener().click());
  await step(() => panel().getByRole("button", { name: "Copy the dump" }).click());
  expect(panel().getByRole("status").textContent).toBe("Copied.");
  const copied = JSON.parse(written.mock.calls[0]?.[0]);
  expect(copied).toMatchObject({ engine: { kind: "wasm", state: "running" }, readers: [{ runId: "run_1" }] });
  written.mockRejectedValue(new Error("denied"));
  await step(() => panel().getByRole("button", { name: "Copy the dump" }).click());
  const shown = panel().getByRole<HTMLTextAreaElement>("textbox", { name: "The dump" });
  expect(JSON.parse(shown.value)).toMatchObject({ readers: [{ runId: "run_1" }] });
  shown.focus();
  expect(shown.selectionEnd).toBe(shown.value.length);
});

it("is nothing on a server, and comes without a mismatch once it is hydrated", async () => {
  const wrong = vi.spyOn(console, "error");
  const html = renderToString(<TidegatePanel defaultOpen />);
  expect(html).toBe("");
  expect(pageWatch().listening.size).toBe(0);
  const container = document.body.appendChild(document.createElement("div"));
  const root = hydrateRoot(container, <TidegatePanel defaultOpen />);
  await step();
  panel().getByText("Nothing is read.");
  expect(wrong).not.toHaveBeenCalled();
  await act(() => root.unmount());
  container.remove();
});

it("on, debug and measure are those of the page", async () => {
  const types: string[] = [];
  const stops = [on("*", ({ type }) => types.push(type)), measure()];
  await mount();
  await step(() => engine().changeStream(newest("subscribe"), { status: "live" }));
  expect(new Set(types)).toEqual(new Set(["token", "engine", "connect"]));
  expect(performance.getEntriesByName("tidegate:connect")).toHaveLength(1);
  expect(await debug()).toMatchObject({ readers: [{ status: "live" }] });
  for (const stop of stops) stop();
});

it("useTidegateEvents hears of what any hook does, by its newest listener, until it goes", async () => {
  const heard: string[] = [];
  const listener = (by: string) => (event: TidegateEvent) => heard.push(`${by}: ${event.type}`);
  const { rerender, unmount } = renderHook(({ by }) => useTidegateEvents("*", listener(by)), {
    initialProps: { by: "first" },
    wrapper: StrictMode,
  });
  const { result } = renderHook(() => useInputStreamSend("approval", "run_1", { accessToken }));
  await step();
  expect(new Set(heard.splice(0))).toEqual(new Set(["first: token"]));
  rerender({ by: "second" });
  await step(() => result.current.send(1));
  expect(new Set(heard.splice(0))).toEqual(new Set(["second: send", "second: engine"]));
  unmount();
  await step(() => engine().changeSend(newest("send"), { state: "sending" }));
  expect(heard).toEqual([]);
});
