import "fake-indexeddb/auto";
import { setMaxListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../../testing/fake-engine.js";
import { FakeLocks } from "../../testing/fake-locks.js";
import type { SendHandle, SendUpdate } from "../entries.js";
import { TidegateError } from "../errors.js";
import type { Hand, openLane } from "./lane.js";
import { openStorage } from "./storage.js";

type OutboxKind = "session" | "indexeddb";

type Listener = (update: SendUpdate) => void;

const address = {
  baseURL: "https://api.example.com",
  branch: undefined,
  identity: 'jwt:["env_1",["write:inputStreams:run_1"]]',
  runId: "run_1",
  streamId: "approval",
};

let locks: FakeLocks;
let online: boolean;

/** A page's own modules, and with them its own lanes; what `navigator` says is the page's that acts. */
async function page() {
  vi.resetModules();
  const module: { openLane: typeof openLane } = await import("./lane.js");
  const own = locks.page();
  const handed: { json: string; listener: Listener; cancel: ReturnType<typeof vi.fn> }[] = [];
  const restored: { json: string; updates: SendUpdate[]; handle: SendHandle }[] = [];
  const closed = new AbortController();
  const beforeToken = new Set<() => void>();
  setMaxListeners(0, closed.signal);
  const enter = () =>
    vi.stubGlobal("navigator", {
      locks: own,
      get onLine() {
        return online;
      },
    });
  const open = async (kind: OutboxKind, more: Partial<typeof address> = {}, expiresInMs = 600_000) => {
    enter();
    const lane = await module.openLane({
      ...address,
      ...more,
      outbox: kind,
      outboxExpiresInMs: expiresInMs,
      closed: closed.signal,
      Failure: TidegateError,
      beforeToken,
      hand: (json, listener) => {
        const cancel = vi.fn(() => listener({ state: "cancelled", attempt: 0 }));
        handed.push({ json, listener, cancel });
        return { cancel, retry: () => {}, forget: () => {} };
      },
      restored: (json, connect) => {
        const updates: SendUpdate[] = [];
        const handle = connect((update) => updates.push(update));
        restored.push({ json, updates, handle });
      },
    });
    if (!lane) throw new Error("there is no outbox");
    return lane;
  };
  const send = (lane: Hand, json: string) => {
    const updates: SendUpdate[] = [];
    return { updates, handle: lane(json, (update) => updates.push(update)) };
  };
  /** The page is closed or reloaded: nothing of it runs any more. */
  const leave = () => {
    closed.abort();
    own.leave();
  };
  /** The same, and not even the components get to know. */
  const die = () => own.leave();
  /** A token comes: what happens before the engine has it. */
  const giveToken = () => {
    for (const call of beforeToken) call();
  };
  return { enter, open, send, leave, die, closed, giveToken, handed, restored };
}

const stored = async (kind: OutboxKind) => (await openStorage(kind)).all();
const last = (updates: SendUpdate[]) => updates.at(-1);

async function goOnline() {
  online = true;
  dispatchEvent(new Event("online"));
}

beforeEach(() => {
  locks = new FakeLocks();
  online = true;
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => {
      kept.set(key, value);
      Object.assign(storage, { [key]: value });
    },
    removeItem: (key: string) => {
      kept.delete(key);
      delete (storage as Record<string, unknown>)[key];
    },
  };
  vi.stubGlobal("sessionStorage", storage);
  const target = new EventTarget();
  vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
  vi.stubGlobal("dispatchEvent", target.dispatchEvent.bind(target));
});
afterEach(async () => {
  for (const kind of ["session", "indexeddb"] as const) {
    const storage = await openStorage(kind);
    for (const { id } of await storage.all()) await storage.delete(id);
  }
  vi.unstubAllGlobals();
});

describe.each(["session", "indexeddb"] as const)("an outbox of the kind %s", (kind) => {
  it("gives the engine one at a time, in order, and forgets what has an outcome", async () => {
    const { open, send, handed } = await page();
    const lane = await open(kind);
    const [first, second] = [send(lane, "1"), send(lane, "2")];
    await vi.waitFor(() => expect(handed).toHaveLength(1));
    expect((await stored(kind)).map(({ json, state }) => [json, state]).sort()).toEqual([
      ["1", "leaving"],
      ["2", "queued"],
    ]);
    expect(last(second.updates)).toEqual({ state: "queued", waitingFor: "turn", attempt: 0 });
    handed[0]?.listener({ state: "sending", attempt: 1 });
    handed[0]?.listener({ state: "accepted", attempt: 1 });
    expect(last(first.updates)).toEqual({ state: "accepted", attempt: 1 });
    await vi.waitFor(() => expect(handed.map(({ json }) => json)).toEqual(["1", "2"]));
    handed[1]?.listener({ state: "rejected", attempt: 1 });
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
  });

  it("keeps what was queued offline over a reload, and sends it once when the page is online", async () => {
    online = false;
    const before = await page();
    const { updates } = before.send(await before.open(kind), '{"approved":true}');
    expect(last(updates)).toEqual({ state: "queued", waitingFor: "online", attempt: 0 });
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ state: "queued" }]));
    before.leave();

    const after = await page();
    await after.open(kind);
    expect(after.restored.map(({ json, updates }) => [json, last(updates)])).toEqual([
      ['{"approved":true}', { state: "queued", waitingFor: "online", attempt: 0 }],
    ]);
    expect([before.handed, after.handed]).toEqual([[], []]);
    await goOnline();
    await vi.waitFor(() => expect(after.handed).toHaveLength(1));
    after.handed[0]?.listener({ state: "accepted", attempt: 1 });
    expect(last(after.restored[0]?.updates ?? [])?.state).toBe("accepted");
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
    expect(before.handed).toEqual([]);
  });

  it("shows what was on its way as unknown, and sends it again on request only", async () => {
    const before = await page();
    before.send(await before.open(kind), "1");
    await vi.waitFor(() => expect(before.handed).toHaveLength(1));
    before.leave();

    const after = await page();
    await after.open(kind);
    const [found] = after.restored;
    expect(found?.updates).toMatchObject([{ state: "unknown", error: { code: "aborted", outcome: "unknown" } }]);
    await settle();
    expect(after.handed).toEqual([]);
    found?.handle.retry();
    await vi.waitFor(() => expect(after.handed).toHaveLength(1));
    after.handed[0]?.listener({ state: "accepted", attempt: 1 });
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
  });

  it("keeps an unknown outcome until it is forgotten", async () => {
    const before = await page();
    before.send(await before.open(kind), "1");
    await vi.waitFor(() => expect(before.handed).toHaveLength(1));
    before.handed[0]?.listener({ state: "unknown", attempt: 1 });
    before.leave();
    const after = await page();
    await after.open(kind);
    expect(after.restored).toHaveLength(1);
    after.restored[0]?.handle.forget();
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
  });

  it("takes back what the engine holds for want of a network, so that it is queued after a reload", async () => {
    const before = await page();
    const { updates } = before.send(await before.open(kind), "1");
    await vi.waitFor(() => expect(before.handed).toHaveLength(1));
    online = false;
    before.handed[0]?.listener({ state: "queued", waitingFor: "online", attempt: 0 });
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ state: "queued" }]));
    expect(last(updates)).toEqual({ state: "queued", waitingFor: "online", attempt: 0 });
    await goOnline();
    await vi.waitFor(() => expect(before.handed).toHaveLength(2));
    expect(updates.every(({ state }) => state === "queued")).toBe(true);
  });

  it("sends what waited for a token at a reload: it had never left", async () => {
    const before = await page();
    before.send(await before.open(kind), "1");
    await vi.waitFor(() => expect(before.handed).toHaveLength(1));
    before.handed[0]?.listener({ state: "queued", waitingFor: "token", attempt: 0 });
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ state: "queued" }]));
    before.die();

    const after = await page();
    await after.open(kind);
    expect(last(after.restored[0]?.updates ?? [])).toMatchObject({ state: "queued" });
    await vi.waitFor(() => expect(after.handed.map(({ json }) => json)).toEqual(["1"]));
    expect(before.handed).toHaveLength(1);
  });

  it("takes it back before a token comes, and lets it leave only once it is marked again", async () => {
    const { open, send, giveToken, handed } = await page();
    const { updates } = send(await open(kind), "1");
    await vi.waitFor(() => expect(handed).toHaveLength(1));
    handed[0]?.listener({ state: "queued", waitingFor: "token", attempt: 0 });
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ state: "queued" }]));
    giveToken();
    expect(handed[0]?.cancel).toHaveBeenCalledOnce();
    await vi.waitFor(() => expect(handed).toHaveLength(2));
    expect(await stored(kind)).toMatchObject([{ state: "leaving" }]);
    handed[1]?.listener({ state: "sending", attempt: 1 });
    giveToken();
    expect(handed[1]?.cancel).not.toHaveBeenCalled();
    handed[1]?.listener({ state: "accepted", attempt: 1 });
    expect(updates.map(({ state }) => state)).not.toContain("cancelled");
    expect(last(updates)).toMatchObject({ state: "accepted" });
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
  });

  it("keeps what has left before for unknown, whatever it waits for now", async () => {
    const before = await page();
    before.send(await before.open(kind), "1");
    await vi.waitFor(() => expect(before.handed).toHaveLength(1));
    for (const waitingFor of ["token", "backoff"] as const) {
      before.handed[0]?.listener({ state: "sending", attempt: 1 });
      before.handed[0]?.listener({ state: "queued", waitingFor, attempt: 1 });
    }
    before.giveToken();
    expect(before.handed[0]?.cancel).not.toHaveBeenCalled();
    await settle();
    expect(await stored(kind)).toMatchObject([{ state: "leaving" }]);
    before.die();
    const after = await page();
    await after.open(kind);
    expect(after.restored[0]?.updates).toMatchObject([{ state: "unknown" }]);
  });

  it("leaves to the engine what waits for a token when its components are gone, marked as leaving", async () => {
    const { open, send, closed, giveToken, handed } = await page();
    const { updates } = send(await open(kind), "1");
    await vi.waitFor(() => expect(handed).toHaveLength(1));
    handed[0]?.listener({ state: "queued", waitingFor: "token", attempt: 0 });
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ state: "queued" }]));
    closed.abort();
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ state: "leaving" }]));
    giveToken();
    expect(handed[0]?.cancel).not.toHaveBeenCalled();
    handed[0]?.listener({ state: "sending", attempt: 1 });
    handed[0]?.listener({ state: "accepted", attempt: 1 });
    expect(last(updates)).toMatchObject({ state: "accepted" });
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
  });

  it("can be cancelled while queued, also after a reload", async () => {
    online = false;
    const before = await page();
    const lane = await before.open(kind);
    const first = before.send(lane, "1");
    before.send(lane, "2");
    await vi.waitFor(async () => expect(await stored(kind)).toHaveLength(2));
    first.handle.cancel();
    expect(last(first.updates)).toEqual({ state: "cancelled", attempt: 0 });
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ json: "2" }]));
    before.leave();
    const after = await page();
    await after.open(kind);
    after.restored[0]?.handle.cancel();
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
    await goOnline();
    await settle();
    expect(after.handed).toEqual([]);
  });

  it("expires with an error, also while the page was away", async () => {
    online = false;
    const before = await page();
    const lane = await before.open(kind, {}, 30);
    const { updates } = before.send(lane, "1");
    await vi.waitFor(() => expect(last(updates)).toMatchObject({ state: "rejected", error: { code: "expired" } }));
    expect(last(updates)?.error).toMatchObject({ outcome: "rejected", retryable: true });
    before.send(lane, "2");
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ json: "2" }]));
    before.leave();
    await vi.waitFor(async () => expect((await stored(kind))[0]?.expiresAt).toBeLessThan(Date.now()));
    const after = await page();
    await after.open(kind);
    expect(last(after.restored[0]?.updates ?? [])).toMatchObject({ state: "rejected", error: { code: "expired" } });
    await vi.waitFor(async () => expect(await stored(kind)).toEqual([]));
  });

  it("drops everything of a run at its first run-finished, and nothing of another", async () => {
    const { open, send, handed } = await page();
    const [approvals, notes] = [await open(kind), await open(kind, { streamId: "notes" })];
    const other = await open(kind, { runId: "run_2" });
    send(approvals, "1");
    const second = send(approvals, "2");
    await vi.waitFor(() => expect(handed).toHaveLength(1));
    online = false;
    const third = send(notes, "3");
    send(other, "4");
    await vi.waitFor(async () => expect(await stored(kind)).toHaveLength(4));
    const error = new TidegateError("over", { code: "run-finished", retryable: false });
    handed[0]?.listener({ state: "rejected", attempt: 1, error });
    for (const { updates } of [second, third]) {
      expect(last(updates)).toMatchObject({ state: "rejected", error: { code: "run-finished" } });
    }
    await vi.waitFor(async () => expect(await stored(kind)).toMatchObject([{ json: "4" }]));
    await goOnline();
    await vi.waitFor(() => expect(handed.map(({ json }) => json)).toEqual(["1", "4"]));
  });

  it("stores no token, and of an identity only what a reload leaves of it", async () => {
    online = false;
    const { open, send } = await page();
    for (const identity of [address.identity, "function:3", "opaque:7"]) send(await open(kind, { identity }), "1");
    await vi.waitFor(async () => expect(await stored(kind)).toHaveLength(3));
    const items = await stored(kind);
    expect(items.map(({ identity }) => identity).sort()).toEqual(["function", "jwt:env_1", "opaque"]);
    const fields = [
      "baseURL",
      "branch",
      "createdAt",
      "expiresAt",
      "id",
      "identity",
      "json",
      "runId",
      "state",
      "streamId",
      "tab",
    ];
    for (const item of items) expect(fields).toEqual(expect.arrayContaining(Object.keys(item)));
  });

  it("is nobody else's: another run, stream, server or subject finds nothing", async () => {
    online = false;
    const before = await page();
    before.send(await before.open(kind), "1");
    await vi.waitFor(async () => expect(await stored(kind)).toHaveLength(1));
    before.leave();
    const after = await page();
    for (const more of [
      { runId: "run_2" },
      { streamId: "x" },
      { baseURL: "https://b" },
      { identity: 'jwt:["env_2",[]]' },
    ]) {
      await after.open(kind, more);
    }
    expect(after.restored).toEqual([]);
  });
});

describe("two tabs", () => {
  it("send an item once; the second takes it over when the first is gone", async () => {
    online = false;
    const first = await page();
    const lane = await first.open("indexeddb");
    first.send(lane, "1");
    await vi.waitFor(async () => expect(await stored("indexeddb")).toHaveLength(1));
    const second = await page();
    await second.open("indexeddb");
    await goOnline();
    await vi.waitFor(() => expect(first.handed).toHaveLength(1));
    expect(second.restored).toEqual([]);
    first.handed[0]?.listener({ state: "accepted", attempt: 1 });
    await vi.waitFor(async () => expect(await stored("indexeddb")).toEqual([]));
    await settle();
    expect(second.restored).toEqual([]);

    online = false;
    first.enter();
    first.send(lane, "2");
    await vi.waitFor(async () => expect(await stored("indexeddb")).toHaveLength(1));
    first.leave();
    second.enter();
    await goOnline();
    await vi.waitFor(() => expect(second.handed.map(({ json }) => json)).toEqual(["2"]));
    expect(first.handed).toHaveLength(1);
  });

  it("know of a run's end from each other", async () => {
    online = false;
    const [first, second] = [await page(), await page()];
    const inFirst = await first.open("indexeddb");
    const waiting = first.send(inFirst, "1");
    await vi.waitFor(async () => expect(await stored("indexeddb")).toHaveLength(1));
    const inSecond = await second.open("indexeddb", { streamId: "notes" });
    const storage = await openStorage("indexeddb");
    for (const { id } of await storage.all()) await storage.delete(id);
    expect(inSecond).toBeDefined();
    await goOnline();
    await vi.waitFor(() =>
      expect(last(waiting.updates)).toMatchObject({ state: "rejected", error: { code: "run-finished" } }),
    );
    expect(first.handed).toEqual([]);
  });

  it("without Web Locks leave each item to the tab that wrote it", async () => {
    online = false;
    const noLocks = () =>
      vi.stubGlobal("navigator", {
        get onLine() {
          return online;
        },
      });
    const first = await page();
    const lane = await first.open("indexeddb");
    noLocks();
    first.send(lane, "1");
    await vi.waitFor(async () => expect(await stored("indexeddb")).toHaveLength(1));
    first.leave();
    const tab = sessionStorage.getItem("tidegate-tab") as string;
    const reopen = async (as: string) => {
      sessionStorage.setItem("tidegate-tab", as);
      const reloaded = await page();
      const opening = reloaded.open("indexeddb");
      noLocks();
      await opening;
      return reloaded.restored.length;
    };
    expect(await reopen("another")).toBe(0);
    expect(await reopen(tab)).toBe(1);
  });
});
