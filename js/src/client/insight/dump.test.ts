import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { settle } from "../../testing/fake-engine.js";
import { fakePage } from "../../testing/fake-page.js";
import { fakeJwt } from "../../testing/tokens.js";
import type { EngineEvent, Problem, SendState, StreamStatus } from "../../wasm/interface.js";
import { type Client, createClient } from "../create-client.js";
import { pagePump } from "../event-pump.js";
import { SendLine } from "../send-line.js";

vi.mock("../../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../../testing/fake-page.js")).loadCore,
}));

beforeEach(() => fakePage.reset());
afterEach(() => vi.restoreAllMocks());

const told = async () => {
  await vi.dynamicImportSettled();
  await settle();
};

it("says how everything stands", async () => {
  const token = fakeJwt({ exp: 1_900_000_000 });
  const client = createClient({ accessToken: token, baseURL: "https://api.example.com/v", previewBranch: "b" });
  const other = createClient({ accessToken: () => new Promise(() => {}) });
  const { engine: none, ...empty } = await client.debug();
  expect(none).toEqual({ state: "stopped", cores: [], crashes: 0 });
  expect(empty).toMatchObject({ principals: [], readers: [], sends: [] });
  client.stream("run_1", "draft", { lastEventId: "7" });
  client.send("run_1", "approval", 1).catch(() => {});
  client.send("run_1", "approval", 2).catch(() => {});
  other.runs({ tags: ["a", "b"] });
  other.trigger("task", {}).catch(() => {});
  await told();
  const { engine } = fakePage.loader;
  const [first] = engine.idsOf("send") as [number];
  const [stream] = engine.idsOf("subscribe") as [number];
  engine.parts(stream, ["part"], "8");
  const before = Date.now();
  engine.changeStream(stream, {
    status: "reconnecting",
    attempt: 3,
    retryInMs: 4000,
    error: { code: "server", retryable: true, status: 503 },
  });
  engine.changeSend(first, { state: "sending" });
  engine.emit({ type: "token-needed", principal: engine.idsOf("openPrincipal").at(-1) as number });
  await told();
  const { readers, principals, page, version, ...rest } = await client.debug();
  const [{ retryAtMs, ...reader } = { retryAtMs: 0 }, feed] = readers;
  expect(retryAtMs).toBeGreaterThanOrEqual(before + 3900);
  expect(retryAtMs).toBeLessThan(before + 10_000);
  expect(reader).toEqual({
    principal: 1,
    reader: 1,
    kind: "stream",
    runId: "run_1",
    key: "draft",
    status: "reconnecting",
    attempt: 3,
    code: "server",
    httpStatus: 503,
    cursor: "8",
  });
  expect(feed).toEqual({ principal: 2, reader: 2, kind: "runs", tags: 2, status: "connecting", attempt: 0 });
  expect(principals).toEqual([
    {
      principal: 1,
      baseURL: "https://api.example.com/v",
      isBranch: true,
      source: "text",
      hasToken: true,
      isAsking: false,
      expiresAtMs: 1_900_000_000_000,
    },
    {
      principal: 2,
      baseURL: "https://api.trigger.dev",
      isBranch: false,
      source: "function",
      hasToken: false,
      isAsking: true,
    },
  ]);
  expect(page).toEqual(globalThis.navigator ? expect.objectContaining({ userAgent: navigator.userAgent }) : {});
  expect(version).toBe("source");
  expect(rest).toEqual({
    atMs: expect.any(Number),
    engine: { kind: "wasm", state: "running", cores: ["core-runs"], crashes: 0 },
    sends: [
      { principal: 1, send: 1, runId: "run_1", streamId: "approval", state: "sending", attempt: 1 },
      { principal: 1, send: 2, runId: "run_1", streamId: "approval", state: "queued", attempt: 0 },
    ],
    calls: [{ principal: 2, what: "trigger", hasLeft: true }],
  });
});

it("names both cores for as long as there are two, and JavaScript where that is what runs", async () => {
  fakePage.loader.isSplit = true;
  const client = createClient({ accessToken: "t" });
  const sent = client.send("run_1", "approval", 1);
  await told();
  expect((await client.debug()).engine).toEqual({ kind: "wasm", state: "running", cores: ["core"], crashes: 0 });
  client.run("run_1");
  await told();
  expect((await client.debug()).engine).toMatchObject({ state: "running", cores: ["core", "core-runs"] });
  const [small] = fakePage.loader.engines;
  small?.changeSend(small.idsOf("send")[0] as number, { state: "accepted" });
  await sent;
  expect((await client.debug()).engine).toMatchObject({ state: "running", cores: ["core-runs"] });

  fakePage.reset();
  fakePage.loader.runsAs = "js";
  const next = createClient({ accessToken: "t" });
  next.stream("run_1");
  await told();
  expect((await next.debug()).engine).toEqual({ kind: "js", state: "running", cores: ["core-js"], crashes: 0 });
});

it("forgets what is settled or closed, and counts crashes", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const client = createClient({ accessToken: "t" });
  const stream = client.stream("run_1");
  const sent = client.send("run_1", "approval", 1);
  await told();
  fakePage.loader.engine.changeSend(fakePage.loader.engine.idsOf("send")[0] as number, { state: "accepted" });
  await sent;
  stream.close();
  fakePage.loader.engine.sink.crashed("src/a.rs:1");
  await told();
  expect(await client.debug()).toMatchObject({ engine: { crashes: 1 }, principals: [], readers: [], sends: [] });
});

it("forgets what a line has queued when that is closed, and knows it again when it goes on", async () => {
  const pump = pagePump();
  const principal = pump.openPrincipal({ baseURL: "https://api.example.com", branch: undefined }, "t");
  const line = new SendLine(pump, principal, { runId: "run_1", streamId: "approval", accessToken: "t" }, () => {});
  let validated: (result: { value: number }) => void = () => {};
  const result = new Promise<{ value: number }>((resolve) => {
    validated = resolve;
  });
  const schema = { "~standard": { version: 1 as const, vendor: "test", validate: () => result } };
  line.send({ data: 1, json: "1", schema, listener: () => {} });
  const client = createClient();
  expect((await client.debug()).sends).toMatchObject([{ state: "queued" }]);
  line.close();
  expect((await client.debug()).sends).toEqual([]);
  validated({ value: 1 });
  await told();
  fakePage.loader.engine.changeSend(fakePage.loader.engine.idsOf("send")[0] as number, { state: "sending" });
  expect((await client.debug()).sends).toMatchObject([{ state: "sending" }]);
});

/** Numbers that look random and are the same for the same seed. */
function numbersFrom(seed: number) {
  let state = seed * 2654435761;
  return (end: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
}

const SEEDS = Number(process.env.TIDEGATE_DUMP_SEEDS ?? 200);
const MARKER = "SeCrEt";
const STATES: SendState[] = ["queued", "sending", "accepted", "rejected", "unknown", "cancelled"];
const STATUSES: StreamStatus[] = ["connecting", "live", "reconnecting", "paused", "ended", "failed"];
const CODES: Problem["code"][] = ["server", "forbidden", "invalid-data", "unauthorized", "protocol", "blocked"];

it(`holds no token and nothing of a payload, and no event does, over ${SEEDS} random pages`, async () => {
  for (const level of ["warn", "error"] as const) vi.spyOn(console, level).mockImplementation(() => {});
  let dumped = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    fakePage.reset();
    const below = numbersFrom(seed);
    const pick = <T>(choices: readonly T[]) => choices[below(choices.length)] as T;
    const secret = () => `${MARKER}${below(1e6)}`;
    const token = () =>
      pick([fakeJwt({ sub: secret(), scopes: [secret()], exp: 2e9 }), `tr_pat_${secret()}`, secret()]);
    const payload = () => pick([secret(), { [secret()]: secret() }, [[secret()]], secret().repeat(500)]);
    // Where a name belongs, a caller has put the token.
    const name = (plain: string) => pick([plain, plain, fakeJwt({ sub: secret() }), `tr_dev_${secret()}`]);
    const problem = (): Problem => ({
      code: pick(CODES),
      retryable: !below(2),
      serverMessage: `You sent ${secret()}`,
      missingScope: `write:tags:${secret()}`,
      ...(below(2) && { status: 400 + below(200) }),
    });
    const heard: unknown[] = [];
    const clients: Client[] = [];
    const accessTokens = [token(), async () => token(), () => Promise.reject(new Error(secret()))];
    const actions: ((client: Client) => unknown)[] = [
      (client) => client.send(name("run_1"), name("approval"), payload()).catch(() => {}),
      (client) => client.stream(name("run_1"), name("draft"), { lastEventId: name("3"), onUnreadable: () => {} }),
      (client) => client.run(name("run_1")),
      (client) => client.runs({ tags: [secret(), secret()] }),
      (client) => client.batch(name("batch_1")),
      (client) => client.trigger(name("task"), payload()).catch(() => {}),
      (client) => client.setAccessToken(token()),
      (client) => client.on("*", (event) => heard.push(event)),
    ];
    const news = (): void => {
      const engine = fakePage.loader.engines.at(-1);
      if (!engine) return;
      const idOf = (kind: "send" | "subscribe" | "follow" | "call" | "openPrincipal") => pick(engine.idsOf(kind)) ?? 0;
      const error = pick([undefined, problem()]);
      const status = { status: pick(STATUSES), attempt: below(9), retryInMs: below(9000), ...(error && { error }) };
      const told: (() => void)[] = [
        () => engine.changeSend(idOf("send"), { state: pick(STATES), attempt: below(5), ...(error && { error }) }),
        () => engine.changeStream(idOf("subscribe"), status),
        () => engine.changeFeed(idOf("follow"), status),
        () => engine.parts(idOf("subscribe"), [payload()], name("17")),
        () =>
          engine.rows(idOf("follow"), [{ key: secret(), value: { payload: secret() }, headers: {} }], { schema: {} }),
        () => engine.failCall(idOf("call"), problem(), !below(2)),
        () => engine.emit({ type: "token-needed", principal: idOf("openPrincipal") }),
        () => engine.sink.crashed(pick([`src/proto/a.rs:${below(99)}`, `trap: ${secret()}`])),
        () => {
          const subscription = idOf("subscribe");
          engine.emit({ type: "record-unreadable", subscription, id: name("4"), reason: "odd" } as EngineEvent);
        },
      ];
      pick(told)();
    };
    for (let step = 0; step < 30; step += 1) {
      if (clients.length < 3 && !below(4)) clients.push(createClient({ accessToken: pick(accessTokens) }));
      const client = clients[below(clients.length || 1)];
      if (client && below(2)) pick(actions)(client);
      else news();
      if (!below(3)) await settle();
    }
    await told();
    const client = createClient({ accessToken: "t" });
    const dump = await client.debug();
    const text = JSON.stringify([dump, heard]);
    dumped += dump.readers.length + dump.sends.length + dump.calls.length + heard.length;
    expect(text, `seed ${seed}`).not.toContain(MARKER);
    expect(text, `seed ${seed}`).not.toMatch(/eyJ|tr_pat|tr_dev/);
    for (const one of clients) one.close();
  }
  // It is no use if nothing was there.
  expect(dumped).toBeGreaterThan(SEEDS * 10);
});
