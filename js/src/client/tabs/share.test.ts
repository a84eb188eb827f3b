import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../../testing/fake-engine.js";
import { FakeLocks } from "../../testing/fake-locks.js";
import { fakePage } from "../../testing/fake-page.js";
import { fakeJwt } from "../../testing/tokens.js";
import type { StreamUpdate } from "../entries.js";
import { TidegateError } from "../errors.js";
import { EventPump } from "../event-pump.js";
import { subscribeShared } from "../subscribe-shared.js";
import { type AccessToken, expiryOf, identityOf } from "../token-source.js";
import { nameOf, type PageParts } from "./share.js";

vi.mock("../../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../../testing/fake-page.js")).loadCore,
}));

const endpoint = { baseURL: "https://api.example.com", branch: undefined };
const inOneHour = () => Math.floor(Date.now() / 1000) + 3600;
const readable = (claims = {}) => fakeJwt({ scopes: ["read:runs:run_1"], exp: inOneHour(), ...claims });

let pump: EventPump;
beforeEach(() => {
  fakePage.reset();
  pump = new EventPump(fakePage.loader.load);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

function requestWith(accessToken: AccessToken, more: object = {}) {
  const principal = pump.openPrincipal({ ...endpoint, ...more }, accessToken);
  const [parts, updates]: [unknown[], StreamUpdate[]] = [[], []];
  const listener = {
    parts: (batch: unknown[]) => {
      parts.push(...batch);
    },
    changed: (update: StreamUpdate) => {
      updates.push(update);
    },
  };
  const address = { runId: "run_1", key: "draft", lastEventId: undefined, timeoutInSeconds: undefined, ...more };
  return { ...address, principal, listener, parts, updates };
}

describe("the name under which tabs find each other", () => {
  const page = async (): Promise<PageParts> => ({
    core: await fakePage.loader.load(),
    TidegateError,
    identityOf,
    expiryOf,
  });
  const name = async (accessToken: AccessToken, more: object = {}) =>
    (await nameOf(requestWith(accessToken, more), await page()))?.name;

  it("is the same for tokens with the same rights, and holds no token", async () => {
    const token = readable({ scopes: ["write:inputStreams:run_1", "read:runs:run_1"] });
    const other = fakeJwt({ exp: inOneHour() + 60, scopes: ["read:runs:run_1", "write:inputStreams:run_1"] });
    expect(await name(token)).toBe(await name(other));
    for (const part of token.split(".")) expect(await name(token)).not.toContain(part);
  });

  it("differs with what the token may do, and with what is read", async () => {
    const names = [
      await name(readable()),
      await name(readable({ sub: "env_2" })),
      await name(readable({ scopes: ["read:runs:run_2"] })),
      await name(readable(), { baseURL: "https://other.example.com" }),
      await name(readable(), { branch: "feature" }),
      await name(readable(), { runId: "run_2" }),
      await name(readable(), { key: "result" }),
      await name(readable(), { lastEventId: "4" }),
    ];
    expect(new Set(names).size).toBe(names.length);
  });

  it("is none for a token that says nothing of itself, or no longer holds", async () => {
    expect(await name("tr_dev_1234")).toBeUndefined();
    expect(await name(readable({ exp: 1 }))).toBeUndefined();
    expect(await name(() => readable({ exp: 1 }))).toBeUndefined();
  });

  it("comes from a token function's answer, which is asked for once and kept for the connection", async () => {
    const accessToken = vi.fn(async () => readable());
    const request = requestWith(accessToken);
    const both = await Promise.all([nameOf(request, await page()), nameOf(request, await page())]);
    expect(both[0]?.name).toBe(await name(readable()));
    expect(both[1]).toEqual(both[0]);
    await nameOf(request, await page());
    expect(accessToken).toHaveBeenCalledTimes(1);
    pump.subscribe(request);
    await settle();
    expect(fakePage.loader.engine.of("setToken")).toEqual([[1, request.principal.token]]);
  });
});

describe("subscribing", () => {
  const subscriptions = () => fakePage.loader.engines[0]?.of("subscribe") ?? [];
  const messages: unknown[] = [];

  function stubTabs(locks: FakeLocks) {
    messages.length = 0;
    vi.stubGlobal("navigator", { locks: locks.page() });
    vi.stubGlobal("addEventListener", () => {});
    class Spied extends BroadcastChannel {
      override postMessage(message: unknown): void {
        messages.push(message);
        super.postMessage(message);
      }
    }
    vi.stubGlobal("BroadcastChannel", Spied);
  }

  it("of two with the same rights opens one connection; when its owner stops, the other goes on", async () => {
    stubTabs(new FakeLocks());
    const [first, second] = [requestWith(() => readable()), requestWith(() => readable({ exp: inOneHour() + 60 }))];
    const stops = [subscribeShared(pump, first), subscribeShared(pump, second)];
    await vi.waitFor(() => expect(subscriptions()).toHaveLength(1));
    const { engine } = fakePage.loader;
    engine.changeStream(engine.idsOf("subscribe")[0] as number, { status: "live" });
    engine.parts(engine.idsOf("subscribe")[0] as number, ["a", { b: [1] }], "1");
    await vi.waitFor(() => {
      for (const { parts, updates } of [first, second]) {
        expect(parts).toEqual(["a", { b: [1] }]);
        expect(updates.at(-1)?.status).toBe("live");
      }
    });
    expect(subscriptions()).toHaveLength(1);

    stops[0]?.();
    await vi.waitFor(() => expect(subscriptions()).toHaveLength(2));
    expect(engine.of("unsubscribe")).toHaveLength(1);
    engine.parts(engine.idsOf("subscribe")[1] as number, ["a", { b: [1] }, "c"], "2");
    expect(second.parts).toEqual(["a", { b: [1] }, "c"]);
    expect(first.parts).toHaveLength(2);
    stops[1]?.();
    await vi.waitFor(() => expect(engine.of("unsubscribe")).toHaveLength(2));
    for (const { principal } of [first, second]) {
      for (const part of principal.token?.split(".") ?? ["none"]) expect(JSON.stringify(messages)).not.toContain(part);
    }
  });

  it.each([
    ["Web Locks", () => vi.stubGlobal("navigator", {})],
    ["BroadcastChannel", () => vi.stubGlobal("BroadcastChannel", undefined)],
    ["permission to lock", () => vi.stubGlobal("navigator", { locks: { request: () => Promise.reject(new Error()) } })],
  ])("without %s opens a connection of its own", async (_, take) => {
    stubTabs(new FakeLocks());
    take();
    const request = requestWith(readable());
    const stop = subscribeShared(pump, request);
    await vi.waitFor(() => expect(subscriptions()).toHaveLength(1));
    stop();
    await vi.waitFor(() => expect(fakePage.loader.engine.of("unsubscribe")).toHaveLength(1));
  });

  it("and stopping at once opens none", async () => {
    stubTabs(new FakeLocks());
    const stop = subscribeShared(pump, requestWith(readable()));
    stop();
    await vi.dynamicImportSettled();
    await settle();
    expect(subscriptions()).toEqual([]);
  });

  it("where the core cannot be loaded says why", async () => {
    fakePage.loader.failure = new Error("offline");
    const request = requestWith(readable());
    subscribeShared(pump, request);
    await vi.waitFor(() => expect(request.updates).toMatchObject([{ error: { code: "engine-unavailable" } }]));
  });
});
