import { renderHook } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { engine, newest, step, watchPageOfEachTest } from "../testing/hooks.js";
import { fakeJwt } from "../testing/tokens.js";
import { TidegateProvider } from "./provider.js";
import { useApproval } from "./use-approval.js";
import { useInputStreamSend } from "./use-input-stream-send.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

watchPageOfEachTest();

const token = fakeJwt({ scopes: ["write:inputStreams:run_1"], secret: "do-not-store" });
let online: boolean;
let heard: [string, () => void][];

beforeEach(() => {
  heard = [];
  const { addEventListener } = window;
  vi.spyOn(globalThis, "addEventListener").mockImplementation((type: string, ...rest: unknown[]) => {
    heard.push([type, rest[0] as () => void]);
    addEventListener.call(window, type, ...(rest as [() => void]));
  });
  online = false;
  sessionStorage.clear();
  vi.spyOn(navigator, "onLine", "get").mockImplementation(() => online);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const wrapper = ({ children }: { children: ReactNode }) => (
  <StrictMode>
    <TidegateProvider accessToken={token} outbox="session" outboxExpiresInMs={60_000}>
      {children}
    </TidegateProvider>
  </StrictMode>
);
const mount = () => renderHook(() => useInputStreamSend<string>("notes", "run_1"), { wrapper });

/** The page is gone with all it held and heard. */
function reload(page: { unmount(): void }) {
  page.unmount();
  for (const [type, listener] of heard.splice(0)) window.removeEventListener(type, listener);
  fakePage.reset();
}

type Sent = ReturnType<typeof mount>["result"]["current"]["sends"][number];
const stored = () => Object.keys(sessionStorage).filter((key) => key.startsWith("tidegate-outbox:"));

async function goOnline() {
  online = true;
  await step(() => void window.dispatchEvent(new Event("online")));
}

it("shows what was queued before a reload, in order, and sends it once when the page is online", async () => {
  const before = mount();
  for (const data of ["first", "second"]) await step(() => void before.result.current.send(data));
  await vi.waitFor(() => expect(stored()).toHaveLength(2));
  expect(before.result.current.sends).toMatchObject([
    { data: "first", state: "queued", waitingFor: "online" },
    { data: "second", state: "queued", waitingFor: "online" },
  ]);
  expect(JSON.stringify({ ...sessionStorage })).not.toContain(token.split(".")[1]);
  const beforeReload = Date.now();
  reload(before);
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(beforeReload));

  const after = mount();
  await vi.waitFor(() => expect(after.result.current.sends).toHaveLength(2));
  expect(after.result.current).toMatchObject({ status: "sending", sends: [{ data: "first" }, { data: "second" }] });
  const [{ createdAtMs }, restored] = [before, after].map(({ result }) => result.current.sends[0]) as [Sent, Sent];
  expect(restored.createdAtMs - createdAtMs).toBeGreaterThanOrEqual(0);
  expect(restored.createdAtMs).toBeLessThanOrEqual(beforeReload);
  await step(() => void after.result.current.send("third"));
  expect(fakePage.loader.loads).toBe(0);
  await goOnline();
  for (const data of ["first", "second", "third"]) {
    await vi.waitFor(() => expect(engine().of("send").at(-1)?.[3]).toBe(JSON.stringify(data)));
    await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
  }
  expect(engine().of("send")).toHaveLength(3);
  expect(after.result.current).toMatchObject({ status: "accepted", isLoading: false });
  await vi.waitFor(() => expect(stored()).toEqual([]));
});

it("cancels what was queued before a reload", async () => {
  const before = mount();
  await step(() => void before.result.current.send("first"));
  await vi.waitFor(() => expect(stored()).toHaveLength(1));
  reload(before);
  const after = mount();
  await vi.waitFor(() => expect(after.result.current.sends).toHaveLength(1));
  await step(() => after.result.current.cancel());
  expect(after.result.current).toMatchObject({ status: "idle", sends: [{ state: "cancelled" }] });
  await vi.waitFor(() => expect(stored()).toEqual([]));
});

it("keeps an approval the only answer over a reload", async () => {
  const approval = () => renderHook(() => useApproval("run_1"), { wrapper });
  const before = approval();
  await step(() => void before.result.current.approve("from the ferry"));
  await vi.waitFor(() => expect(stored()).toHaveLength(1));
  reload(before);
  const after = approval();
  await vi.waitFor(() => expect(after.result.current.isOpen).toBe(false));
  expect(after.result.current).toMatchObject({
    waitingFor: "online",
    answer: { approved: true, note: "from the ferry" },
  });
  await step(() => void after.result.current.deny());
  await goOnline();
  await vi.waitFor(() => expect(engine().of("send")).toHaveLength(1));
  await step(() => engine().changeSend(newest("send"), { state: "accepted" }));
  expect(after.result.current.answered).toBe("here");
});

it("goes without where nothing can be stored, and says so", async () => {
  online = true;
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  const { result } = renderHook(
    () => useInputStreamSend("notes", "run_1", { accessToken: token, outbox: "cookie" as "session" }),
    { wrapper: StrictMode },
  );
  await step(() => void result.current.send("sent all the same"));
  await vi.waitFor(() => expect(engine().of("send")).toHaveLength(1));
  expect(warned.mock.calls.flat().join()).toMatch(/will not survive a reload.*"session" or "indexeddb"/);
});
