import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { recorded, startRecorded } from "../testing/wire.js";
import { createBackend } from "./backend.js";

type Server = Awaited<ReturnType<typeof startRecorded>>;

let servers: Server[];
beforeEach(() => {
  servers = [];
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  for (const server of servers) await server.stop();
});

async function start(...names: string[]): Promise<Server> {
  const server = await startRecorded(...names);
  servers.push(server);
  return server;
}

/** Checked by other means than it was made. */
function open(token: string, key: string) {
  const [header = "", payload = "", signature] = token.split(".");
  expect(signature).toBe(createHmac("sha256", key).update(`${header}.${payload}`).digest("base64url"));
  const [head, claims] = [header, payload].map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
  return { head, claims };
}

/** The claims of a recorded token, with the seconds it lives as `exp`. */
const claimsOf = (name: string) =>
  JSON.parse(JSON.parse(recorded(name).response.body ?? "").token.slice("jwt ".length));

describe("with a root key, a token", () => {
  const secretKey = "tr_dev_root";

  test.each([
    ["mint-ok", { scopes: { read: { runs: "run_1" }, write: { inputStreams: "run_1" } }, expirationTime: "1h" }],
    ["mint-otu", { scopes: ["write:tasks:quick"], expirationTime: "1h", oneTimeUse: true }],
    ["mint-default-exp", { scopes: { read: { runs: true as const } } }],
  ])("is the one of the recording %s, member by member", async (name, options) => {
    const { baseURL } = await start("mint-legacy-claims");
    const token = await createBackend({ secretKey, baseURL }).auth.createPublicToken(options);
    const { head, claims } = open(token, secretKey);
    expect(head).toEqual({ alg: "HS256" });
    const { iat, exp, ...others } = claims;
    expect(Math.abs(iat - Date.now() / 1_000)).toBeLessThan(5);
    // In the server's own order, which is that of the recording.
    expect(JSON.stringify({ ...others, exp: exp - iat })).toBe(JSON.stringify(claimsOf(name)));
  });

  test("is signed here: the server is asked once who it is, as recorded", async () => {
    const { baseURL, requests } = await start("mint-legacy-claims");
    const { auth } = createBackend({ secretKey, baseURL, previewBranch: "feature" });
    for (const tags of ["a", "b", "c"]) await auth.createPublicToken({ scopes: { read: { tags } } });
    const { method, path, body } = recorded("mint-legacy-claims").request;
    expect(requests).toMatchObject([{ method, path, body }]);
    expect(requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${secretKey}`,
      "x-trigger-branch": "feature",
      "content-type": "application/json",
    });
  });

  test("begins with what the server says anew after ten minutes, and for every other branch", async () => {
    const { baseURL, requests } = await start("mint-legacy-claims");
    vi.useFakeTimers({ toFake: ["Date"] });
    const mint = (previewBranch?: string) =>
      createBackend({ secretKey, baseURL, previewBranch }).auth.createPublicToken({ scopes: ["read:runs"] });
    await mint();
    vi.setSystemTime(Date.now() + 599_000);
    await mint();
    expect(requests).toHaveLength(1);
    vi.setSystemTime(Date.now() + 2_000);
    await mint();
    expect(requests).toHaveLength(2);
    await mint("other");
    expect(requests).toHaveLength(3);
  });

  test("asks nobody where the environment's id is given", async () => {
    const { auth } = createBackend({ secretKey, baseURL: "http://nowhere.invalid", environmentId: "env_7" });
    const token = await auth.createPublicToken({
      scopes: { read: { runs: "run_ü" } },
      realtime: { skipColumns: ["payload"] },
    });
    expect(open(token, secretKey).claims).toMatchObject({
      sub: "env_7",
      pub: true,
      scopes: ["read:runs:run_ü"],
      realtime: { skipColumns: ["payload"] },
    });
  });

  test("triggers once, unless it is to trigger more often", async () => {
    const { auth } = createBackend({ secretKey, environmentId: "env_7" });
    const claims = async (token: Promise<string>) => open(await token, secretKey).claims;
    expect(await claims(auth.createTriggerPublicToken("hello"))).toMatchObject({
      scopes: ["trigger:tasks:hello"],
      otu: true,
    });
    expect(await claims(auth.createTriggerPublicToken(["a", "b"], { multipleUse: true }))).not.toHaveProperty("otu");
    expect(await claims(auth.createBatchTriggerPublicToken(["a", "b"]))).toMatchObject({
      scopes: ["batchTrigger:tasks:a", "batchTrigger:tasks:b"],
      otu: true,
    });
    await expect(auth.createTriggerPublicToken("")).rejects.toThrow(/task id is empty/);
    await expect(auth.createTriggerPublicToken([])).rejects.toThrow(/at least one scope/);
  });

  test("is refused before anybody is asked", async () => {
    const { auth } = createBackend({ secretKey, baseURL: "http://nowhere.invalid" });
    const scopes = ["read:runs"];
    for (const expirationTime of ["soon", "-5m", "31d"])
      await expect(auth.createPublicToken({ scopes, expirationTime })).rejects.toMatchObject({
        code: "invalid-options",
      });
    await expect(auth.createPublicToken({ scopes: [] })).rejects.toMatchObject({ code: "invalid-options" });
    await expect(auth.createPublicToken({ scopes: "read:runs" as never })).rejects.toThrow(/in an array/);
    await expect(auth.createPublicToken({ scopes: { reads: { runs: "a" } } as never })).rejects.toThrow(/scopes.reads/);
    await expect(auth.createPublicToken(undefined as never)).rejects.toThrow(/at least one scope/);
    const realtime = { skipColumns: "payload" } as never;
    await expect(auth.createPublicToken({ scopes, realtime })).rejects.toThrow(/skipColumns must be an array/);
  });
});

describe("with an additional key, which cannot sign, a token", () => {
  const secretKey = "tr_dev_sk_abcdefghijklmnopqrstuvwx";

  test("is asked of the server", async () => {
    const { baseURL, requests } = await start("mint-otu");
    const { auth } = createBackend({ secretKey, baseURL, environmentId: "env_1" });
    const now = Math.floor(Date.now() / 1_000);
    const token = await auth.createTriggerPublicToken("quick", { expirationTime: now + 3_600 });
    expect(token.split(".")).toHaveLength(3);
    expect(JSON.parse(requests[0]?.body ?? "")).toEqual({
      scopes: ["trigger:tasks:quick"],
      expirationTime: now + 3_600,
      oneTimeUse: true,
    });
  });

  test("is refused by the server in words that name the scope", async () => {
    vi.stubGlobal("fetch", async () =>
      Response.json(
        { error: "Requested scopes exceed the API key's access", deniedScopes: ["read:runs"] },
        { status: 403 },
      ),
    );
    const made = createBackend({ secretKey }).auth.createPublicToken({ scopes: ["read:runs"] });
    await expect(made).rejects.toMatchObject({
      code: "forbidden",
      status: 403,
      message: expect.stringMatching(/restricted.*: read:runs/),
    });
  });
});

test("a server that is none says so", async () => {
  vi.stubGlobal("fetch", async () => new Response("<html>Welcome</html>"));
  const made = createBackend({ secretKey: "tr_dev_1" }).auth.createPublicToken({ scopes: ["read:runs"] });
  await expect(made).rejects.toMatchObject({ code: "protocol", message: expect.stringMatching(/Check baseURL/) });
});
