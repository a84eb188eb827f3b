import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Backend, createBackend } from "./server.js";
import { hasDevServer, startDevServer } from "./testing/dev-server.js";

if (!hasDevServer) console.warn("integration-server.test.ts is skipped: there is no development server (cargo build)");

const secretKey = "tr_dev_integration";
const additionalKey = "tr_dev_sk_abcdefghijklmnopqrstuvwx";

// The development server has one key, whatever it looks like. One that looks like an additional key is not signed with.
describe.skipIf(!hasDevServer).each([
  ["signed here", secretKey],
  ["made by the server", additionalKey],
])("the real development server, with tokens %s", (_, key) => {
  let server: Awaited<ReturnType<typeof startDevServer>>;
  let backend: Backend;

  beforeAll(async () => {
    server = await startDevServer(key);
    backend = createBackend({ secretKey: key, baseURL: server.baseURL });
  });
  afterAll(() => server.stop());

  const start = async (tags: string[] = []) => (await backend.trigger("approval", { topic: "tea" }, { tags })).id;

  /** The status with which a token is answered. */
  const ask = async (token: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const request = body && { method: "POST", body: JSON.stringify(body) };
    const response = await fetch(server.baseURL + path, { headers, ...request });
    await response.body?.cancel();
    return response.status;
  };

  const readsOf = (token: string, run: string) => ask(token, `/api/v3/runs/${run}`);
  const sendsTo = (token: string, run: string) => ask(token, `/realtime/v1/streams/${run}/input/notes`, { data: 1 });

  it("a token works for its scopes and for nothing else", async () => {
    const [mine, other] = [await start(["mine"]), await start()];
    const mint = (scopes: Parameters<Backend["auth"]["createPublicToken"]>[0]["scopes"]) =>
      backend.auth.createPublicToken({ scopes });
    const reader = await mint({ read: { runs: mine } });
    expect(await Promise.all([readsOf(reader, mine), readsOf(reader, other), sendsTo(reader, mine)])).toEqual([
      200, 403, 403,
    ]);
    const sender = await mint({ write: { inputStreams: mine } });
    expect(await Promise.all([sendsTo(sender, mine), sendsTo(sender, other), readsOf(sender, mine)])).toEqual([
      200, 403, 403,
    ]);
    const tagged = await mint(["read:tags:mine"]);
    expect(await Promise.all([readsOf(tagged, mine), readsOf(tagged, other)])).toEqual([200, 403]);
    const all = await mint({ read: { runs: true } });
    expect(await Promise.all([readsOf(all, mine), readsOf(all, other), sendsTo(all, mine)])).toEqual([200, 200, 403]);
  });

  it("a trigger token triggers its task, once", async () => {
    const path = "/api/v1/tasks/approval/trigger";
    const once = await backend.auth.createTriggerPublicToken("approval");
    expect(await ask(once, "/api/v1/tasks/story/trigger", { payload: {} })).toBe(403);
    expect(await ask(once, path, { payload: {} })).toBe(200);
    expect(await ask(once, path, { payload: {} })).toBe(422);
    const often = await backend.auth.createTriggerPublicToken("approval", { multipleUse: true });
    expect([await ask(often, path, { payload: {} }), await ask(often, path, { payload: {} })]).toEqual([200, 200]);
  });

  it("the token that comes with a run reads it and sends to it", async () => {
    const run = await backend.trigger("approval", { topic: "tea" });
    const { publicAccessToken: token, id } = run;
    expect(await Promise.all([readsOf(token, id), sendsTo(token, id)])).toEqual([200, 200]);
  });

  it("sends, retrieves and cancels with the secret key", async () => {
    const id = await start(["mine"]);
    await backend.streams.input("notes").send(id, { at: "once" });
    expect(await backend.runs.retrieve(id)).toMatchObject({ id, tags: ["mine"], isCancelled: false });
    expect(await backend.runs.cancel(id)).toEqual({ id });
    expect(await backend.runs.retrieve(id)).toMatchObject({ status: "CANCELED" });
    const late = backend.streams.input("notes").send(id, 1);
    await expect(late).rejects.toMatchObject({ code: "run-finished", outcome: "rejected" });
  });

  it("a key of another environment is told as such", async () => {
    const stranger = createBackend({ secretKey: "tr_dev_other", baseURL: server.baseURL });
    const refused = { code: "unauthorized", status: 401, message: expect.stringMatching(/refused the secret key/) };
    await expect(stranger.auth.createPublicToken({ scopes: ["read:runs"] })).rejects.toMatchObject(refused);
    await expect(stranger.trigger("approval", {})).rejects.toMatchObject(refused);
  });

  it("an address that is not the API's is told as such", async () => {
    const lost = createBackend({ secretKey: key, baseURL: `${server.baseURL}/app` });
    await expect(lost.auth.createPublicToken({ scopes: ["read:runs"] })).rejects.toThrow(/Check baseURL/);
  });
});
