import { createHash } from "node:crypto";
import { afterEach, describe, expect, test, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";
import {
  callerOf,
  cancelRun,
  cancelRunFromPage,
  completeWaitToken,
  retrieveRun,
  type TriggerOptions,
  triggerTask,
} from "./calls.js";

afterEach(() => vi.unstubAllGlobals());

/** Lets what is done before a request run its course, hashing included. */
const asked = (engine: { of(name: "call"): unknown[][] }) =>
  vi.waitFor(() => expect(engine.of("call")).toHaveLength(1));

function harness() {
  const { pump, loader, endpoint } = pumpHarness();
  const principal = pump.openPrincipal(endpoint, "token");
  const answer = async (given: unknown, token?: string) => {
    await vi.waitFor(() => expect(loader.engines).toHaveLength(1));
    await asked(loader.engine);
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, given, token);
  };
  const request = () => {
    const [, what, name, body] = loader.engine.of("call")[0] as [number, number, string, string];
    return { what, name, body: body && JSON.parse(body) };
  };
  return { caller: callerOf(pump), loader, principal, answer, request };
}

describe("triggering a task", () => {
  async function trigger(payload: unknown, options?: TriggerOptions) {
    const { caller, principal, answer, request } = harness();
    const handle = triggerTask(caller, principal, "hello", payload, options);
    await answer({ id: "run_1", isCached: false }, "its token");
    return { handle: await handle, ...request() };
  }

  test("gives a handle with a token of its own", async () => {
    const { handle, ...request } = await trigger({ n: 1 });
    expect(handle).toEqual({ id: "run_1", isCached: false, publicAccessToken: "its token", taskIdentifier: "hello" });
    expect(request).toEqual({
      what: 0,
      name: "hello",
      body: { payload: '{"json":{"n":1}}', options: { payloadType: "application/super+json" } },
    });
  });

  test("makes up no token where the server's cannot be read", async () => {
    const { caller, principal, answer } = harness();
    const handle = triggerTask(caller, principal, "hello", undefined);
    await answer({ id: "run_1", isCached: true });
    expect(await handle).toEqual({
      id: "run_1",
      isCached: true,
      publicAccessToken: undefined,
      taskIdentifier: "hello",
    });
  });

  test.each([
    [undefined, { options: { payloadType: "application/json" } }],
    ["text", { payload: "text", options: { payloadType: "text/plain" } }],
    [
      new Date(0),
      {
        payload: '{"json":"1970-01-01T00:00:00.000Z","meta":{"values":["Date"]}}',
        options: { payloadType: "application/super+json" },
      },
    ],
  ])("with the payload %s", async (payload, body) => {
    expect((await trigger(payload)).body).toEqual(body);
  });

  test("hands every option on", async () => {
    const { body } = await trigger(null, {
      queue: "slow",
      concurrency: "paid",
      concurrencyKey: "user:1",
      idempotencyKeyTTL: "1h",
      delay: new Date(0),
      ttl: 60,
      tags: ["a", "b"],
      metadata: { step: 1 },
      maxAttempts: 3,
      maxDuration: 60,
      machine: "small-2x",
      priority: 10,
      region: "eu",
      version: "20261121.1",
      externalDeploymentId: "sha",
      test: true,
      debounce: { key: "k", delay: "5s", mode: "trailing", maxDelay: "5m" },
    });
    expect(body.options).toEqual({
      payloadType: "application/super+json",
      queue: { name: "slow" },
      concurrency: ["paid"],
      concurrencyKey: "user:1",
      idempotencyKeyTTL: "1h",
      delay: "1970-01-01T00:00:00.000Z",
      ttl: 60,
      tags: ["a", "b"],
      metadata: { step: 1 },
      maxAttempts: 3,
      maxDuration: 60,
      machine: "small-2x",
      priority: 10,
      region: "eu",
      lockToVersion: "20261121.1",
      externalDeploymentId: "sha",
      test: true,
      debounce: { key: "k", delay: "5s", mode: "trailing", maxDelay: "5m" },
    });
  });

  test.each([
    ["key", createHash("sha256").update("key").digest("hex")],
    [["one", "two"], createHash("sha256").update("one-two").digest("hex")],
    ["x".repeat(64), "x".repeat(64)],
    ["", undefined],
  ])("with the idempotency key %s", async (idempotencyKey, hash) => {
    expect((await trigger(1, { idempotencyKey })).body.options.idempotencyKey).toBe(hash);
  });

  test("says what to do where the page cannot hash a key", async () => {
    vi.stubGlobal("crypto", {});
    const { caller, principal } = harness();
    await expect(triggerTask(caller, principal, "hello", 1, { idempotencyKey: "key" })).rejects.toMatchObject({
      code: "invalid-options",
      message: expect.stringContaining("Pages need https for it; else pass a hash of 64 characters."),
    });
  });

  test.each<[string, TriggerOptions, string]>([
    ["", {}, "The task id is empty. Pass the id that the task is defined with."],
    ["hello", { tags: Array(11).fill("a") }, "A run can have 10 tags, and these are 11."],
    ["hello", { tags: "a".repeat(129) }, `A tag has at most 128 characters; "${"a".repeat(20)}…" has 129.`],
    ["hello", { tags: [7] as never }, "tags must be an array of strings."],
    ["hello", { concurrency: ["a", "b", "c"] }, "concurrency takes at most two named limits."],
    ["hello", { idempotencyKey: [] }, "idempotencyKey is an empty array."],
    ["hello", { idempotencyKey: 7 as never }, "idempotencyKey must be an array of strings."],
    ["hello", { delay: new Date(Number.NaN) }, "delay is a date that does not exist."],
  ])("%j with %j is refused before anything is sent", async (id, options, message) => {
    const { caller, principal, loader } = harness();
    await expect(triggerTask(caller, principal, id, 1, options)).rejects.toMatchObject({
      code: "invalid-options",
      message,
    });
    await settle();
    expect(loader.loads).toBe(0);
  });

  test("an answer that is none may have been a trigger", async () => {
    const { caller, principal, answer } = harness();
    const handle = triggerTask(caller, principal, "hello", 1);
    await answer({ ok: true });
    await expect(handle).rejects.toMatchObject({ code: "protocol", outcome: "unknown" });
  });
});

describe("completing a wait token", () => {
  test.each([
    [{ approved: true }, { data: { approved: true } }],
    [null, { data: null }],
    [undefined, {}],
  ])("with %j", async (data, body) => {
    const { caller, principal, answer, request } = harness();
    const done = completeWaitToken(caller, principal, "waitpoint_1", data);
    await answer({ success: true });
    expect(await done).toEqual({ success: true });
    expect(request()).toEqual({ what: 1, name: "waitpoint_1", body });
  });

  test.each([
    ["waitpoint_1", 1n, "invalid-data"],
    ["waitpoint_1", () => {}, "invalid-data"],
    ["", 1, "invalid-options"],
  ])("%s with %s is refused before anything is sent", async (id, data, code) => {
    const { caller, principal, loader } = harness();
    await expect(completeWaitToken(caller, principal, id, data)).rejects.toMatchObject({ code, outcome: "rejected" });
    expect(loader.loads).toBe(0);
  });
});

describe("retrieving a run", () => {
  const related = { id: "run_0", createdAt: "2026-11-21T22:56:08.235Z", updatedAt: "2026-11-21T22:56:08.235Z" };
  const body = {
    id: "run_1",
    taskIdentifier: "quick",
    status: "COMPLETED",
    createdAt: "2026-11-21T22:56:08.235Z",
    finishedAt: "2026-11-21T22:56:09.070Z",
    payload: { z: [1] },
    relatedRuns: { root: related, children: [related] },
  };

  async function retrieve(given: object) {
    const { caller, principal, answer, request } = harness();
    const run = retrieveRun(caller, principal, "run_1");
    await answer(given);
    return { run: await run, ...request() };
  }

  test("gives its times as dates, those of related runs too", async () => {
    const { run, ...request } = await retrieve(body);
    expect(request).toEqual({ what: 2, name: "run_1", body: "" });
    const dates = { createdAt: new Date(related.createdAt), updatedAt: new Date(related.updatedAt) };
    expect(run).toEqual({
      ...body,
      createdAt: new Date(body.createdAt),
      finishedAt: new Date(body.finishedAt),
      relatedRuns: { root: { ...related, ...dates }, children: [{ ...related, ...dates }] },
      attemptCount: 0,
    });
  });

  test("fetches what lies elsewhere", async () => {
    vi.stubGlobal("fetch", async (url: string) =>
      url.endsWith("payload")
        ? new Response("", { status: 404 })
        : new Response('{"json":{"a":1}}', { headers: { "content-type": "application/super+json" } }),
    );
    const { run } = await retrieve({
      ...body,
      payload: undefined,
      payloadPresignedUrl: "https://store.example.com/payload",
      outputPresignedUrl: "https://store.example.com/output",
    });
    expect(run.payload).toBeUndefined();
    expect(run.output).toEqual({ a: 1 });
  });
});

test("cancelling a run where pages may not", async () => {
  const { caller, principal, loader } = harness();
  const done = cancelRunFromPage(caller, principal, "run_1");
  await vi.waitFor(() => expect(loader.engines).toHaveLength(1));
  await asked(loader.engine);
  loader.engine.failCall(loader.engine.idsOf("call")[0] as number, { code: "blocked", retryable: true }, true);
  await expect(done).rejects.toMatchObject({
    code: "blocked",
    outcome: "unknown",
    retryable: true,
    message: expect.stringMatching(/^The public API does not let pages cancel runs.*your backend.*no readable answer/),
  });
});

test("cancelling a run", async () => {
  const { caller, principal, answer, request } = harness();
  const done = cancelRun(caller, principal, "run_1");
  await answer({ id: "run_1" });
  expect(await done).toEqual({ id: "run_1" });
  expect(request()).toEqual({ what: 3, name: "run_1", body: "" });
});
