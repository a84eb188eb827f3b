import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { invalidOptions } from "../client/errors.js";
import { settle } from "../testing/fake-engine.js";
import { fakePage } from "../testing/fake-page.js";
import { SendStore } from "./send-store.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

const target = { baseURL: "https://api.example.com", branch: undefined, accessToken: "token" };

let store: SendStore<unknown>;

beforeEach(() => {
  vi.useFakeTimers();
  fakePage.reset();
  store = new SendStore<unknown>({ target, runId: "run_1", streamId: "approval" });
});
afterEach(() => {
  vi.useRealTimers();
});

const engine = () => fakePage.loader.engine;
const idOf = (index: number) => engine().idsOf("send")[index] as number;
const states = () => store.getSnapshot().sends.map(({ state }) => state);

it("shows a send from the call on, through its states, and resolves with the outcome", async () => {
  const outcome = store.send({ approved: true }, "while-pending");
  expect(store.getSnapshot()).toMatchObject({ status: "sending", isLoading: true, sends: [{ state: "queued" }] });
  await settle();
  engine().changeSend(idOf(0), { state: "queued", waitingFor: "token", attempt: 0 });
  expect(store.getSnapshot().sends[0]).toMatchObject({ waitingFor: "token", data: { approved: true } });
  engine().changeSend(idOf(0), { state: "sending", attempt: 1 });
  engine().changeSend(idOf(0), { state: "accepted", attempt: 1 });
  expect(store.getSnapshot()).toMatchObject({ status: "accepted", isLoading: false, error: undefined });
  await expect(outcome).resolves.toMatchObject({ state: "accepted", attempt: 1 });
});

it("keeps when each was sent for and settled, over a retry too", async () => {
  vi.setSystemTime(1_000);
  store.send(1, "none");
  await settle();
  expect(store.getSnapshot().sends[0]).toMatchObject({ createdAtMs: 1_000, settledAtMs: undefined });
  vi.setSystemTime(3_000);
  engine().changeSend(idOf(0), { state: "unknown" });
  expect(store.getSnapshot().sends[0]).toMatchObject({ createdAtMs: 1_000, settledAtMs: 3_000 });
  store.retry();
  expect(store.getSnapshot().sends[0]).toMatchObject({ createdAtMs: 1_000, settledAtMs: undefined });
});

it("keeps the error of each send while status and error are the newest one's", async () => {
  store.send(1, "none");
  store.send(2, "none");
  await settle();
  engine().changeSend(idOf(0), { state: "rejected", error: { code: "forbidden", retryable: false } });
  engine().changeSend(idOf(1), { state: "accepted" });
  expect(store.getSnapshot()).toMatchObject({ status: "accepted", error: undefined });
  expect(store.getSnapshot().sends[0]?.error).toMatchObject({ code: "forbidden" });
});

it("hands over in call order", async () => {
  for (let n = 0; n < 10; n += 1) store.send(n, "while-pending");
  await settle();
  expect(
    engine()
      .of("send")
      .map((args) => args[3]),
  ).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
});

it.each([
  ["while-pending", ["1", "2"]],
  ["none", ["1", "1", "2"]],
] as const)("takes repetitions for one by %s", async (dedupe, sent) => {
  const outcomes = [1, 1, 2].map((data) => store.send(data, dedupe));
  await settle();
  expect(
    engine()
      .of("send")
      .map((args) => args[3]),
  ).toEqual(sent);
  for (const id of engine().idsOf("send")) engine().changeSend(id, { state: "accepted" });
  for (const outcome of outcomes) await expect(outcome).resolves.toMatchObject({ state: "accepted" });
  store.send(1, dedupe);
  expect(engine().of("send")).toHaveLength(sent.length + 1);
});

it("records what cannot be encoded or sent as rejected, without a request", async () => {
  await expect(store.send(5n, "none")).resolves.toMatchObject({ state: "rejected", error: { code: "invalid-data" } });
  await expect(store.refuse(1, invalidOptions("no run id"))).resolves.toMatchObject({ state: "rejected" });
  expect(store.getSnapshot()).toMatchObject({ status: "rejected", error: { message: "no run id" } });
  store.retry();
  await settle();
  expect(fakePage.loader.loads).toBe(0);
  expect(states()).toEqual(["rejected", "rejected"]);
});

it("retries the newest that can be, or the one that is named, as the newest", async () => {
  for (const data of [1, 2, 3]) store.send(data, "none");
  await settle();
  engine().changeSend(idOf(0), { state: "unknown" });
  engine().changeSend(idOf(1), { state: "rejected" });
  engine().changeSend(idOf(2), { state: "accepted" });
  store.retry();
  expect(engine().of("retrySend")).toEqual([[idOf(1)]]);
  expect(store.getSnapshot().sends.map(({ data }) => data)).toEqual([1, 3, 2]);
  store.retry(store.getSnapshot().sends[0]?.id);
  expect(engine().of("retrySend")).toEqual([[idOf(1)], [idOf(0)]]);
  expect(states()).toEqual(["accepted", "queued", "queued"]);
  engine().changeSend(idOf(0), { state: "accepted" });
  expect(store.getSnapshot()).toMatchObject({ status: "accepted", error: undefined });
});

it("cancels one or all that are under way; a cancelled one is idle with an error that says so", async () => {
  for (const data of [1, 2]) store.send(data, "none");
  await settle();
  store.cancel(store.getSnapshot().sends[0]?.id);
  expect(engine().of("cancelSend")).toEqual([[idOf(0)]]);
  engine().changeSend(idOf(0), { state: "cancelled" });
  store.cancel();
  expect(engine().of("cancelSend")).toEqual([[idOf(0)], [idOf(1)]]);
  engine().changeSend(idOf(1), { state: "cancelled" });
  expect(store.getSnapshot()).toMatchObject({ status: "idle", isLoading: false, error: { code: "aborted" } });
});

it("forgets what is settled and keeps what is under way", async () => {
  store.send(1, "none");
  store.send(2, "none");
  await settle();
  engine().changeSend(idOf(0), { state: "rejected" });
  store.reset();
  expect(store.getSnapshot().sends).toMatchObject([{ data: 2, state: "queued" }]);
  expect(engine().of("forgetSend")).toEqual([[idOf(0)]]);
  engine().changeSend(idOf(1), { state: "accepted" });
  store.reset();
  expect(store.getSnapshot()).toMatchObject({ status: "idle", sends: [] });
});

it("keeps the newest fifty that are settled, and frees the others in the engine", async () => {
  for (let n = 0; n < 60; n += 1) store.send(n, "none");
  await settle();
  for (const id of engine().idsOf("send")) engine().changeSend(id, { state: "rejected" });
  expect(store.getSnapshot().sends.map(({ data }) => data)).toEqual(Array.from({ length: 50 }, (_, n) => n + 10));
  expect(engine().of("forgetSend")).toHaveLength(10);
});

it("frees what is left when it is disposed of, and closes its principal", async () => {
  store.send(1, "none");
  await settle();
  engine().changeSend(idOf(0), { state: "rejected" });
  store.dispose();
  vi.runAllTimers();
  expect(engine().of("forgetSend")).toEqual([[idOf(0)]]);
  expect(engine().of("closePrincipal")).toEqual([[1]]);
});
