import { auth, configure, streams, wait } from "@trigger.dev/sdk";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createBackend, type PublicTokenScopes, type ScopeIds } from "../../../js/src/server.js";
import { randomFrom } from "./random.js";

const secretKey = "tr_dev_compat";
const baseURL = "https://api.example.com";
const ours = createBackend({ secretKey, baseURL });

const ANSWERS = {
  "/auth/jwt/claims": { sub: "env_1", pub: true, act: { sub: "user_1" } },
  "/waitpoints/tokens": { id: "waitpoint_1", isCached: false, url: "https://api.example.com/callback" },
  "/complete": { success: true },
  "/input/approval": { ok: true },
};

interface Asked {
  readonly path: string;
  readonly body: unknown;
}
let asked: Asked[];

beforeEach(() => {
  asked = [];
  vi.useFakeTimers({ toFake: ["Date"] });
  configure({ baseURL, secretKey });
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    const body = await request.text();
    asked.push({ path: new URL(request.url).pathname, body: body && JSON.parse(body) });
    const [answer] = Object.entries(ANSWERS).flatMap(([end, answer]) => (request.url.endsWith(end) ? [answer] : []));
    return Response.json(answer, { headers: { "x-trigger-jwt": "its.own.token" } });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

const TYPES = ["tasks", "tags", "runs", "batch", "waitpoints", "inputStreams", "sessions"] as const;
const IDS = ["run_1", "a:b", "ü", "with space", "1"];
const SPANS = ["15m", "1h", "2 days", "90 secs", "1.5 hours", "3 weeks", "20 min from now", "+ 5m"];

describe("tokens", () => {
  test("are the same, whatever they allow", async () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const random = randomFrom(seed);
      const one = random.pick;
      const some = <T>(of: readonly T[]) => of.filter(() => random.oneIn(3));
      const idsOf = (type: string): ScopeIds =>
        type === "runs" && random.oneIn(5) ? true : random.oneIn(2) ? one(IDS) : [one(IDS), ...some(IDS)];
      const targets = () => Object.fromEntries(some(TYPES).map((type) => [type, idsOf(type)]));
      const scopes = { read: { runs: "run_0", ...targets() }, write: targets() } satisfies PublicTokenScopes;
      const span = one(SPANS);
      const at = Math.floor(Date.now() / 1_000) + 1 + random.below(86_400);
      const options = {
        scopes,
        expirationTime: one([undefined, span, at, new Date(at * 1_000)]),
        realtime: one([undefined, { skipColumns: ["payload" as const, "output" as const] }]),
      };
      const [theirs, mine] = [
        await auth.createPublicToken(options as never),
        await ours.auth.createPublicToken(options),
      ];
      const { scopes: wanted, ...rest } = claimsOf(theirs);
      // Ours are there once each.
      expect(claimsOf(mine), `seed ${seed}: ${JSON.stringify(options)}`).toEqual({
        ...rest,
        scopes: [...new Set(wanted)],
      });
      expect(mine.split(".")[0]).toBe(theirs.split(".")[0]);
    }
  });

  test("are the same text where they are signed with the same key", async () => {
    const options = { scopes: { read: { runs: "run_1" }, write: { inputStreams: "run_1" } }, expirationTime: "1h" };
    expect(await ours.auth.createPublicToken(options)).toBe(await auth.createPublicToken(options));
  });

  test.each(["createTriggerPublicToken", "createBatchTriggerPublicToken"] as const)(
    "%s makes the same",
    async (name) => {
      for (const task of ["hello", ["a", "b"]]) {
        for (const options of [undefined, { expirationTime: "1h" }, { multipleUse: true }]) {
          const { otu, ...theirs } = claimsOf(await auth[name](task, options));
          // Theirs say `false` where ours say nothing.
          expect(claimsOf(await ours.auth[name](task, options))).toEqual({ ...theirs, ...(otu && { otu }) });
        }
      }
    },
  );

  test("that would allow nothing are refused here, and made there", async () => {
    expect(claimsOf(await auth.createPublicToken())).not.toHaveProperty("scopes");
    await expect(ours.auth.createPublicToken({ scopes: {} })).rejects.toMatchObject({ code: "invalid-options" });
  });
});

test("wait tokens and sends ask the same of the server", async () => {
  const send = { yes: true, at: new Date(0) };
  const theirs = async () => {
    const token = await wait.createToken({ timeout: "10m", tags: ["a"], idempotencyKey: "key" });
    await wait.completeToken(token, send);
    await streams.input({ id: "approval" }).send("run_1", send);
    return token;
  };
  const mine = async () => {
    const token = await ours.wait.createToken({ timeout: "10m", tags: ["a"], idempotencyKey: "key" });
    await ours.wait.completeToken(token, send);
    await ours.streams.input({ id: "approval" }).send("run_1", send);
    return token;
  };
  const wanted = await theirs();
  const before = asked.splice(0);
  expect(await mine()).toEqual(wanted);
  expect(asked).toEqual(before);
});
