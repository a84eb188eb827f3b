import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { fakePage } from "../testing/fake-page.js";
import { createClient } from "./create-client.js";
import { TidegateError } from "./errors.js";
import type { SchemaResult, StandardSchema } from "./schema.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

beforeEach(() => {
  fakePage.reset();
});

const newestSend = () => fakePage.loader.engine.idsOf("send").at(-1) as number;
const newestStream = () => fakePage.loader.engine.idsOf("subscribe").at(-1) as number;

describe("options", () => {
  it.each([
    [{ baseURL: "api.trigger.dev" }, /baseURL/],
    [{ accessToken: 5 as unknown as string }, /accessToken.*not number/],
  ])("%o are refused at once", (options, words) => {
    expect(() => createClient(options)).toThrow(words);
    expect(() => createClient(options)).toThrow(TidegateError);
  });

  it("load nothing and start nothing", () => {
    createClient({ accessToken: () => expect.unreachable() });
    expect(fakePage.loader.loads).toBe(0);
  });
});

describe("send", () => {
  it("resolves with a receipt when the server has taken it", async () => {
    const client = createClient({ accessToken: "t", baseURL: "http://127.0.0.1:1/", previewBranch: "b" });
    const sent = client.send("run_1", "approval", { approved: true });
    await settle();
    expect(fakePage.loader.engine.calls).toEqual([
      ["openPrincipal", "http://127.0.0.1:1", "b", false, false],
      ["setToken", 1, "t"],
      ["send", 1, "run_1", "approval", '{"approved":true}'],
    ]);
    fakePage.loader.engine.changeSend(newestSend(), { state: "accepted", attempt: 2 });
    await expect(sent).resolves.toEqual({ runId: "run_1", streamId: "approval", attempts: 2 });
  });

  it.each(["rejected", "unknown"] as const)("rejects with a TidegateError when the outcome is %s", async (state) => {
    const sent = createClient({ accessToken: "t" }).send("run_1", "s", 1);
    await settle();
    const error = { code: "server", retryable: true, status: 502 } as const;
    fakePage.loader.engine.changeSend(newestSend(), { state, error });
    await expect(sent).rejects.toMatchObject({ name: "TidegateError", code: "server", status: 502, outcome: state });
    await settle();
    expect(fakePage.loader.engine.of("forgetSend")).toHaveLength(1);
  });

  it.each([
    ["", "s", 1, "invalid-options", /run id is empty/],
    [undefined as unknown as string, "s", 1, "invalid-options", /run id is missing/],
    ["run_1", "", 1, "invalid-options", /stream id is empty/],
    ["run_1", "s", undefined, "invalid-data", /undefined/],
    ["run_1", "s", 5n, "invalid-data", /BigInt/],
  ])("rejects (%o, %o, %o) before anything is loaded", async (run, stream, data, code, words) => {
    const sent = createClient({ accessToken: "t" }).send(run, stream, data);
    const outcome = "rejected";
    await expect(sent).rejects.toMatchObject({ code, outcome, message: expect.stringMatching(words) });
    expect(fakePage.loader.loads).toBe(0);
  });

  it("rejects with an outcome after its client was closed", async () => {
    const client = createClient({ accessToken: "t" });
    client.close();
    await expect(client.send("run_1", "s", 1)).rejects.toMatchObject({ code: "invalid-options", outcome: "rejected" });
  });

  it("is cancelled by its signal", async () => {
    const client = createClient({ accessToken: "t" });
    await expect(client.send("run_1", "s", 1, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "aborted",
    });
    const controller = new AbortController();
    const sent = client.send("run_1", "s", 2, { signal: controller.signal });
    await settle();
    controller.abort();
    expect(fakePage.loader.engine.of("cancelSend")).toEqual([[newestSend()]]);
    fakePage.loader.engine.changeSend(newestSend(), { state: "cancelled" });
    await expect(sent).rejects.toMatchObject({ code: "aborted", outcome: "cancelled" });
  });

  it("leaves no listener on a signal that outlives it", async () => {
    const { signal } = new AbortController();
    const removed = vi.spyOn(signal, "removeEventListener");
    const sent = createClient({ accessToken: "t" }).send("run_1", "s", 1, { signal });
    await settle();
    fakePage.loader.engine.changeSend(newestSend(), { state: "accepted" });
    await sent;
    expect(removed).toHaveBeenCalledTimes(1);
  });

  it("leaves nothing behind in its client once it is settled", async () => {
    const client = createClient({ accessToken: "t" });
    const sent = client.send("run_1", "s", 1);
    await settle();
    fakePage.loader.engine.changeSend(newestSend(), { state: "unknown" });
    await expect(sent).rejects.toMatchObject({ code: "aborted" });
    client.close();
    expect(fakePage.loader.engine.of("cancelSend")).toEqual([]);
    expect(fakePage.loader.engine.of("closePrincipal")).toEqual([[1]]);
  });
});

const sentData = () => fakePage.loader.engine.of("send").map(([, , , json]) => json);

describe("a schema", () => {
  const schemaOf = (check: StandardSchema["~standard"]["validate"]): StandardSchema => ({
    "~standard": { version: 1, vendor: "test", validate: check },
  });

  it("lets nothing out that does not fit, and names what does not", async () => {
    const schema = schemaOf(() => ({ issues: [{ message: "must be a boolean", path: ["approved"] }] }));
    const sent = createClient({ accessToken: "t" }).send("run_1", "s", { approved: "yes" }, { schema });
    await expect(sent).rejects.toMatchObject({
      code: "invalid-data",
      outcome: "rejected",
      message: expect.stringContaining("approved: must be a boolean"),
    });
    expect(fakePage.loader.loads).toBe(0);
  });

  it("that takes its time keeps the order of its stream, also against calls without one, and of no other", async () => {
    let answer = (_: SchemaResult) => {};
    const schema = schemaOf(() => new Promise<SchemaResult>((resolve) => (answer = resolve)));
    const client = createClient({ accessToken: "t" });
    const slow = client.send("run_1", "s", "slow", { schema });
    const behind = client.send("run_1", "s", "behind");
    const other = client.send("run_1", "other", "other");
    const controller = new AbortController();
    const taken = client.send("run_1", "s", "taken back", { signal: controller.signal });
    controller.abort();
    await expect(taken).rejects.toMatchObject({ outcome: "cancelled" });
    await settle();
    expect(sentData()).toEqual(['"other"']);
    answer({});
    await settle();
    expect(sentData()).toEqual(['"other"', '"slow"', '"behind"']);
    for (const id of fakePage.loader.engine.idsOf("send")) fakePage.loader.engine.changeSend(id, { state: "accepted" });
    for (const sent of [slow, behind, other]) await expect(sent).resolves.toMatchObject({ attempts: 1 });
  });
});

describe("an outbox", () => {
  const kept = new Map<string, string>();
  let online: boolean;
  let events: EventTarget;

  beforeEach(() => {
    kept.clear();
    online = false;
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem(key: string, value: string) {
        kept.set(key, value);
        Object.assign(storage, { [key]: value });
      },
      removeItem(key: string) {
        kept.delete(key);
        delete (storage as Record<string, unknown>)[key];
      },
    };
    vi.stubGlobal("sessionStorage", storage);
    vi.stubGlobal("navigator", {
      get onLine() {
        return online;
      },
    });
    enterPage();
  });
  afterEach(() => vi.unstubAllGlobals());

  /** A page of which nothing has been heard before. */
  function enterPage() {
    events = new EventTarget();
    vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
    fakePage.reset();
  }
  const items = () => [...kept.keys()].filter((key) => key.startsWith("tidegate-outbox:"));
  const goOnline = () => {
    online = true;
    events.dispatchEvent(new Event("online"));
  };

  it("keeps over a reload what was queued, and sends it before what is sent next", async () => {
    const before = createClient({ accessToken: "t" });
    before.send("run_1", "s", "before", { outbox: "session" }).catch(() => expect.unreachable());
    await vi.waitFor(() => expect(items()).toHaveLength(1));
    enterPage();

    const client = createClient({ accessToken: "t" });
    const after = client.send("run_1", "s", "after", { outbox: "session" });
    await vi.waitFor(() => expect(items()).toHaveLength(2));
    goOnline();
    for (const data of ['"before"', '"after"']) {
      await vi.waitFor(() => expect(sentData().at(-1)).toBe(data));
      fakePage.loader.engine.changeSend(newestSend(), { state: "accepted" });
    }
    await expect(after).resolves.toMatchObject({ attempts: 1 });
    await vi.waitFor(() => expect(items()).toEqual([]));
  });

  it("rejects what has expired, and what is queued when its client closes", async () => {
    const client = createClient({ accessToken: "t" });
    const late = client.send("run_1", "s", 1, { outbox: "session", outboxExpiresInMs: 1 });
    await expect(late).rejects.toMatchObject({ code: "expired", outcome: "rejected" });
    const queued = client.send("run_1", "s", 2, { outbox: "session" });
    await vi.waitFor(() => expect(items()).toHaveLength(1));
    client.close();
    await expect(queued).rejects.toMatchObject({ code: "aborted", outcome: "cancelled" });
    await vi.waitFor(() => expect(items()).toEqual([]));
    expect(fakePage.loader.loads).toBe(0);
  });
});

describe("stream", () => {
  it("iterates parts that came before and after it was asked, and ends", async () => {
    const stream = createClient({ accessToken: "t" }).stream<string>("run_1", "draft", { startIndex: 3 });
    await settle();
    expect(fakePage.loader.engine.of("subscribe")).toEqual([[1, "run_1", "draft", "2", undefined]]);
    const engine = fakePage.loader.engine;
    engine.changeStream(newestStream(), { status: "live" });
    engine.parts(newestStream(), ["a", "b"], "4");
    expect(stream.status).toBe("live");
    expect(stream.lastEventId).toBe("4");

    const seen: string[] = [];
    const reading = (async () => {
      for await (const part of stream) seen.push(part);
    })();
    await settle();
    engine.parts(newestStream(), ["c"], "5");
    await settle();
    engine.changeStream(newestStream(), { status: "ended", endReason: "run-finished" });
    await reading;
    expect(seen).toEqual(["a", "b", "c"]);
    expect(stream.endReason).toBe("run-finished");
    expect(engine.of("unsubscribe")).toHaveLength(1);
  });

  it("throws from the loop when it failed for good, after the parts that came", async () => {
    const stream = createClient({ accessToken: "t" }).stream("run_1");
    await settle();
    fakePage.loader.engine.parts(newestStream(), [1], "0");
    const error = { code: "forbidden", retryable: false, missingScope: "read:runs:run_1" } as const;
    fakePage.loader.engine.changeStream(newestStream(), { status: "failed", error });
    await expect(stream.next()).resolves.toEqual({ done: false, value: 1 });
    await expect(stream.next()).rejects.toMatchObject({ code: "forbidden", missingScope: "read:runs:run_1" });
  });

  it.each([
    ["close()", (stream: { close(): void }) => stream.close()],
    ["leaving the loop", (stream: AsyncIterator<unknown>) => stream.return?.()],
  ])("stops reading by %s", async (_, stop) => {
    const stream = createClient({ accessToken: "t" }).stream("run_1");
    const next = stream.next();
    await settle();
    stop(stream);
    await expect(next).resolves.toEqual({ done: true, value: undefined });
    expect(fakePage.loader.engine.of("unsubscribe")).toHaveLength(1);
    expect(stream.status).toBe("ended");
    expect(stream.endReason).toBe("stopped");
  });

  it("moves its cursor when all that came in one go has been taken", async () => {
    const stream = createClient({ accessToken: "t" }).stream("run_1", "draft", { lastEventId: "6" });
    expect([stream.cursor, stream.lastEventId]).toEqual(["6", "6"]);
    await settle();
    const engine = fakePage.loader.engine;
    engine.parts(newestStream(), [7, 8], "8");
    engine.parts(newestStream(), [9], "9");
    const seen = [];
    for (const _ of [7, 8, 9]) seen.push([(await stream.next()).value, stream.cursor, stream.lastEventId]);
    expect(seen).toEqual([
      [7, "6", "9"],
      [8, "8", "9"],
      [9, "9", "9"],
    ]);
    const waiting = stream.next();
    engine.parts(newestStream(), [10], "10");
    await expect(waiting).resolves.toMatchObject({ value: 10 });
    expect(stream.cursor).toBe("10");
  });

  it("is held while more than a megabyte waits, and goes on below half of it", async () => {
    const stream = createClient({ accessToken: "t" }).stream<string>("run_1");
    await settle();
    const engine = fakePage.loader.engine;
    const id = newestStream();
    const part = "x".repeat(2 ** 18);
    for (let n = 0; n < 3; n += 1) engine.parts(id, [part], String(n));
    expect(engine.of("setReading")).toEqual([]);
    engine.parts(id, [part], "3");
    engine.parts(id, [part], "4");
    expect(engine.of("setReading")).toEqual([[id, false]]);
    for (let n = 0; n < 3; n += 1) await stream.next();
    expect(engine.of("setReading")).toEqual([[id, false]]);
    await stream.next();
    expect(engine.of("setReading")).toEqual([
      [id, false],
      [id, true],
    ]);
  });

  it("is held again by the engine that follows a crash", async () => {
    vi.spyOn(console, "error").mockImplementationOnce(() => {});
    const stream = createClient({ accessToken: "t" }).stream<string>("run_1");
    await settle();
    fakePage.loader.engine.parts(newestStream(), ["x".repeat(2 ** 20)], "0");
    fakePage.loader.engine.sink.crashed("here");
    await settle();
    expect(fakePage.loader.engines).toHaveLength(2);
    expect(fakePage.loader.engine.of("subscribe")[0]).toContain("0");
    expect(fakePage.loader.engine.of("setReading")).toEqual([[newestStream(), false]]);
    await stream.next();
    expect(fakePage.loader.engine.of("setReading")).toContainEqual([newestStream(), true]);
  });

  it("tells of a record that cannot be read, with its id, and goes on", async () => {
    const onUnreadable = vi.fn();
    const stream = createClient({ accessToken: "t" }).stream("run_1", "draft", { onUnreadable });
    await settle();
    const engine = fakePage.loader.engine;
    engine.emit({ type: "record-unreadable", subscription: newestStream(), id: "4", reason: "the record is not JSON" });
    engine.parts(newestStream(), ["after"], "5");
    expect(onUnreadable.mock.calls).toEqual([[{ id: "4", reason: "the record is not JSON" }]]);
    await expect(stream.next()).resolves.toMatchObject({ value: "after" });
  });

  it("stops when its signal is aborted, before or after", async () => {
    const client = createClient({ accessToken: "t" });
    const controller = new AbortController();
    const stream = client.stream("run_1", "a", { signal: controller.signal });
    await settle();
    controller.abort();
    await expect(stream.next()).resolves.toMatchObject({ done: true });
    expect(client.stream("run_1", "b", { signal: controller.signal }).status).toBe("ended");
    expect(fakePage.loader.engine.of("unsubscribe")).toHaveLength(2);
  });

  it.each([
    [["", "k"], /run id is empty/],
    [["run_1", ""], /stream key is empty/],
    [["run_1", "k", { startIndex: -1 }], /startIndex/],
  ] as const)("throws for %o", (args, words) => {
    const client = createClient({ accessToken: "t" });
    expect(() => client.stream(...(args as [string, string]))).toThrow(words);
  });
});

describe("life", () => {
  it("hands a new token to what is open, also one of the other kind", async () => {
    const client = createClient({ accessToken: "old" });
    client.stream("run_1");
    await settle();
    client.setAccessToken("new");
    client.setAccessToken(() => "newer");
    expect(fakePage.loader.engine.of("setToken")).toEqual([
      [1, "old"],
      [1, "new"],
    ]);
    expect(fakePage.loader.engine.of("setRenewable")).toEqual([[1, true]]);
    expect(() => client.setAccessToken(null as unknown as string)).toThrow(/not null/);
  });

  it("does not share a principal between clients", async () => {
    createClient({ accessToken: "same" }).stream("run_1");
    createClient({ accessToken: "same" }).stream("run_1");
    await settle();
    expect(fakePage.loader.engine.of("openPrincipal")).toHaveLength(2);
  });

  it("closes: streams end, queued sends are cancelled, one that is on its way may finish", async () => {
    const client = createClient({ accessToken: "t" });
    const stream = client.stream("run_1");
    const onItsWay = client.send("run_1", "s", 1);
    const queued = client.send("run_1", "s", 2);
    await settle();
    const engine = fakePage.loader.engine;
    const [one, two] = engine.idsOf("send") as [number, number];
    engine.changeSend(one, { state: "sending" });
    engine.changeSend(two, { state: "queued", waitingFor: "turn" });
    client.close();
    client.close();
    expect(stream.status).toBe("ended");
    expect(engine.of("cancelSend")).toEqual([[two]]);
    expect(engine.of("closePrincipal")).toEqual([]);
    engine.changeSend(two, { state: "cancelled" });
    engine.changeSend(one, { state: "accepted" });
    await expect(queued).rejects.toMatchObject({ code: "aborted" });
    await expect(onItsWay).resolves.toMatchObject({ runId: "run_1" });
    expect(engine.of("closePrincipal")).toEqual([[1]]);
    await expect(client.send("run_1", "s", 3)).rejects.toThrow(/closed/);
    expect(() => client.stream("run_1")).toThrow(/closed/);
  });
});
