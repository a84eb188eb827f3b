import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { TidegateError } from "../client/errors.js";
import { createBackend } from "./backend.js";

const secretKey = "tr_dev_very_secret";
const backend = createBackend({ secretKey, baseURL: "https://api.test", environmentId: "env_1" });

type Step = Response | Error | ((signal: AbortSignal) => Promise<Response>);

let steps: Step[];
let requests: { url: string; key: string | undefined; atMs: number }[];

beforeEach(() => {
  vi.useFakeTimers();
  requests = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    requests.push({ url, key: headers["x-trigger-request-idempotency-key"], atMs: Date.now() });
    const step = steps.shift() ?? new Error("nothing more was expected");
    if (step instanceof Error) throw step;
    return step instanceof Response ? step : step(init.signal as AbortSignal);
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** What comes of it, with all the time in the world. */
async function outcomeOf<T>(call: () => Promise<T>, ...given: Step[]): Promise<T | TidegateError> {
  steps = given;
  const settled = call().catch((error) => {
    expect(error).toBeInstanceOf(TidegateError);
    return error as TidegateError;
  });
  await vi.runAllTimersAsync();
  return settled;
}

const ok = (body: object = { id: "run_1" }) => Response.json(body);
const fails = (status: number, headers?: HeadersInit, error = "no") => Response.json({ error }, { status, headers });
const cut = () => new TypeError("fetch failed", { cause: { code: "ECONNRESET" } });
const refused = () => new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
const refusedInBun = () => Object.assign(new TypeError("Unable to connect"), { code: "ECONNREFUSED" });
const refusedInDeno = () => {
  const words = "error sending request for url (https://api.test/): client error (Connect): tcp connect error";
  return new TypeError("fetch failed", { cause: new Error(words) });
};

/** Rejects when it is given up, as fetch does. */
const hang = (signal: AbortSignal) =>
  new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

const cancel = () => backend.runs.cancel("run_1");
const send = (signal?: AbortSignal) => backend.streams.input("approval").send("run_1", { yes: true }, { signal });

test.each<[string, Step]>([
  ["a failure of the server", fails(500)],
  ["a cut", cut()],
  ["an answer that does not come", hang],
  ["too many requests", fails(429)],
  ["a conflict", fails(409)],
  ["what the server wants to be asked again", fails(404, { "x-should-retry": "true" })],
])("%s is asked again under the same key", async (_, step) => {
  expect(await outcomeOf(cancel, step, ok())).toEqual({ id: "run_1" });
  expect(requests.map(({ url }) => url)).toEqual(Array(2).fill("https://api.test/api/v2/runs/run_1/cancel"));
  expect(requests[0]?.key).toMatch(/^[0-9a-f-]{36}$/);
  expect(requests[1]?.key).toBe(requests[0]?.key);
});

test("two calls have two keys", async () => {
  await outcomeOf(cancel, ok());
  await outcomeOf(cancel, ok());
  expect(new Set(requests.map(({ key }) => key)).size).toBe(2);
});

test.each([
  ["is refused for good", fails(422), "invalid-data"],
  ["fails, and the server wants no more", fails(500, { "x-should-retry": "false" }), "server"],
  ["is not let in", fails(401), "unauthorized"],
])("what %s is not asked again", async (_, step, code) => {
  expect(await outcomeOf(cancel, step)).toMatchObject({ code });
  expect(requests).toHaveLength(1);
});

test("it ends after four attempts, and says that nobody knows", async () => {
  const error = await outcomeOf(cancel, cut(), fails(503), cut(), fails(500));
  expect(error).toMatchObject({ code: "server", status: 500, outcome: "unknown" });
  expect((error as TidegateError).message).toMatch(/may or may not have taken effect/);
  expect(requests).toHaveLength(4);
});

test("a refused key says nothing of what an earlier attempt has done", async () => {
  expect(await outcomeOf(cancel, cut(), fails(401))).toMatchObject({ code: "unauthorized", outcome: "unknown" });
  expect(await outcomeOf(cancel, cut(), fails(404))).toMatchObject({ code: "not-found", outcome: "rejected" });
});

test("a conflict behind a cut may be one with itself", async () => {
  const error = await outcomeOf(cancel, cut(), fails(409), fails(409), fails(409));
  expect(error).toMatchObject({ status: 409, outcome: "unknown" });
});

test("what only reads is never in doubt", async () => {
  const retrieve = () => backend.runs.retrieve("run_1");
  expect(await outcomeOf(retrieve, cut(), cut(), cut(), cut())).toMatchObject({ code: "blocked", outcome: "rejected" });
  const plain = createBackend({ secretKey, baseURL: "https://none.test" });
  const mint = () => plain.auth.createPublicToken({ scopes: ["read:runs"] });
  expect(await outcomeOf(mint, cut(), cut(), cut(), cut())).toMatchObject({ code: "blocked", outcome: "rejected" });
});

test.each<[string, Step, string]>([
  ["a cut", cut(), "blocked"],
  ["a failure of the server", fails(500), "server"],
  ["silence", hang, "timeout"],
])("after %s a send is not repeated: it may be there", async (_, step, code) => {
  expect(await outcomeOf(send, step)).toMatchObject({ code, outcome: "unknown" });
  expect(requests).toHaveLength(1);
});

test.each<[string, Step]>([
  ["never reached the server", refused()],
  ["never reached it from Bun", refusedInBun()],
  ["never reached it from Deno", refusedInDeno()],
  ["was not let in", fails(429)],
  ["the server would drop as a repeat", fails(500, { "x-tidegate-idempotent": "1" })],
])("a send that %s is repeated", async (_, step) => {
  expect(await outcomeOf(send, step, ok({ ok: true }))).toBeUndefined();
  expect(requests).toHaveLength(2);
});

test("a send that a server which drops repeats fails to answer to the end is in doubt", async () => {
  const failing = () => fails(500, { "x-tidegate-idempotent": "1" });
  const error = await outcomeOf(send, failing(), failing(), failing(), failing());
  expect(error).toMatchObject({ code: "server", outcome: "unknown" });
});

test("a wait token is made again only under a key of the caller's own", async () => {
  const made = { id: "waitpoint_1", isCached: false, url: "https://api.test/callback" };
  expect(await outcomeOf(() => backend.wait.createToken({}), cut())).toMatchObject({ outcome: "unknown" });
  const again = () => backend.wait.createToken({ idempotencyKey: "order-1" });
  expect(await outcomeOf(again, cut(), ok(made))).toMatchObject({ id: "waitpoint_1", isCached: false });
});

test("it waits as long as the server asks for, but not for long", async () => {
  await outcomeOf(cancel, fails(429, { "retry-after": "3" }), ok());
  expect((requests[1]?.atMs ?? 0) - (requests[0]?.atMs ?? 0)).toBe(3_000);
  const date = new Date(Date.now() + 4_000).toUTCString();
  await outcomeOf(cancel, fails(503, { "retry-after": date }), ok());
  expect((requests[3]?.atMs ?? 0) - (requests[2]?.atMs ?? 0)).toBeGreaterThan(2_500);
  for (const name of ["retry-after", "x-ratelimit-reset"]) {
    const first = requests.length;
    await outcomeOf(cancel, fails(429, { [name]: "soon" }), ok());
    expect((requests[first + 1]?.atMs ?? 0) - (requests[first]?.atMs ?? 0), name).toBeGreaterThan(100);
  }
  const reset = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": `${Date.now() + 60_000}` };
  const before = requests.length;
  expect(await outcomeOf(cancel, fails(429, reset))).toMatchObject({ code: "rate-limited", retryable: true });
  expect(requests).toHaveLength(before + 1);
});

test("a signal gives it up: before it left for certain, then not", async () => {
  expect(await outcomeOf(() => send(AbortSignal.abort()))).toMatchObject({ code: "aborted", outcome: "cancelled" });
  expect(requests).toHaveLength(0);

  const onTheWay = new AbortController();
  const left = outcomeOf(
    () => send(onTheWay.signal),
    (signal) => {
      onTheWay.abort();
      return signal.aborted ? Promise.reject(signal.reason) : hang(signal);
    },
  );
  expect(await left).toMatchObject({ code: "aborted", outcome: "unknown" });

  const inAPause = new AbortController();
  const paused = () => backend.runs.cancel("run_1", { signal: inAPause.signal });
  const answer = async () => {
    setTimeout(() => inAPause.abort(), 1);
    return fails(429);
  };
  expect(await outcomeOf(paused, answer)).toMatchObject({ code: "aborted", outcome: "cancelled" });
});

test("the key is in no error, even where the server or the host repeats it", async () => {
  const echo = await outcomeOf(cancel, fails(422, {}, `The key ${secretKey} is odd`));
  expect(echo).toMatchObject({ serverMessage: "The key (the secret key) is odd" });
  for (const error of [echo, await outcomeOf(cancel, fails(401)), await outcomeOf(send, cut())])
    expect(`${(error as Error).stack}${JSON.stringify(error)}`).not.toContain(secretKey);
});

test("an id cannot leave its place in the path", async () => {
  const retrieve = (id: string) => outcomeOf(() => backend.runs.retrieve(id), fails(404));
  expect(await retrieve("..")).toMatchObject({ code: "invalid-options" });
  expect(requests).toHaveLength(0);
  await retrieve("a/../b?c");
  expect(requests[0]?.url).toBe("https://api.test/api/v3/runs/a%2F..%2Fb%3Fc");
});
