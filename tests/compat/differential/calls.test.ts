import { ApiClient } from "@trigger.dev/core/v3";
import { configure, runs, tasks } from "@trigger.dev/sdk";
import { afterEach, expect, test, vi } from "vitest";
import {
  callerOf,
  completeWaitToken,
  retrieveRun,
  type TriggerOptions,
  triggerTask,
} from "../../../js/src/client/calls.js";
import { EventPump } from "../../../js/src/client/event-pump.js";
import { FakeLoader } from "../../../js/src/testing/fake-engine.js";
import { randomFrom } from "./random.js";
import { someValue } from "./values.js";

afterEach(() => vi.unstubAllGlobals());

const baseURL = "https://api.example.com";

function ours() {
  const loader = new FakeLoader();
  const pump = new EventPump(loader.load);
  const principal = pump.openPrincipal({ baseURL, branch: undefined }, "token");
  const answer = async (text: unknown, token?: string) => {
    await vi.waitFor(() => expect(loader.engines[0]?.of("call")).toHaveLength(1), { interval: 1 });
    loader.engine.answerCall(loader.engine.idsOf("call")[0] as number, text, token);
    return loader.engine.of("call")[0]?.[3] as string;
  };
  return { caller: callerOf(pump), principal, answer };
}

/** What the official package sends, as JSON. */
function recorded(answer: unknown, headers: Record<string, string> = {}) {
  const bodies: unknown[] = [];
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const body = input instanceof Request ? await input.clone().text() : String(init?.body ?? "");
    bodies.push(body && JSON.parse(body));
    return Response.json(answer, { headers });
  });
  return bodies;
}

const OPTIONS: TriggerOptions[] = [
  {},
  { idempotencyKey: "key" },
  { idempotencyKey: ["user", "1"] },
  { idempotencyKey: "x".repeat(64) },
  { idempotencyKey: "" },
  { idempotencyKey: "key", idempotencyKeyTTL: "1h" },
  { queue: "slow", concurrencyKey: "user:1", concurrency: "paid" },
  { concurrency: ["a", "b"] },
  { delay: "1h", ttl: "10m" },
  { delay: new Date(0), ttl: 60 },
  { tags: "a", metadata: { step: 1, at: new Date(0) } },
  { tags: ["a", "b"], maxAttempts: 3, maxDuration: 60 },
  { machine: "small-2x", priority: 10, region: "eu" },
  { version: "20261121.1", externalDeploymentId: "sha" },
  { debounce: { key: "k", delay: "5s", mode: "trailing", maxDelay: "5m" } },
];

test("a trigger says what the official SDK says", async () => {
  configure({ baseURL, accessToken: "tr_dev_1234" });
  for (const [seed, options] of [...OPTIONS, ...Array(200).fill({})].entries()) {
    const bodies = recorded({ id: "run_1" }, { "x-trigger-jwt": "its token" });
    const theirs = await tasks.trigger("hello", someValue(randomFrom(seed)), options as object);
    const { caller, principal, answer } = ours();
    const handle = triggerTask(caller, principal, "hello", someValue(randomFrom(seed)), options);
    const body = JSON.parse(await answer({ id: "run_1" }, "its token"));
    // How the key was made, for a dashboard to show, and what the server counts itself.
    const { idempotencyKeyOptions, payloadSize, ...sent } = (bodies[0] as { options: Record<string, unknown> }).options;
    expect(body.options, `${seed}: ${JSON.stringify(options)}`).toEqual(sent);
    expect(body.payload, `${seed}`).toEqual((bodies[0] as { payload: unknown }).payload);
    expect({ id: theirs.id, publicAccessToken: theirs.publicAccessToken }).toEqual({
      id: "run_1",
      publicAccessToken: (await handle).publicAccessToken,
    });
  }
});

test("completing a wait token says what the official client says", async () => {
  for (const data of [null, undefined, "text", 0, { at: new Date(0) }, [1, { a: undefined }], Number.NaN]) {
    const bodies = recorded({ success: true });
    await new ApiClient(baseURL, "tr_dev_1234").completeWaitpointToken("waitpoint_1", { data });
    const { caller, principal, answer } = ours();
    const done = completeWaitToken(caller, principal, "waitpoint_1", data);
    expect(JSON.parse(await answer({ success: true }))).toEqual(bodies[0]);
    await done;
  }
});

const related = {
  id: "run_0",
  taskIdentifier: "quick",
  status: "COMPLETED",
  isQueued: false,
  isExecuting: false,
  isWaiting: false,
  isCompleted: true,
  isSuccess: true,
  isFailed: false,
  isCancelled: false,
  isTest: false,
  createdAt: "2026-11-21T22:56:08.235Z",
  updatedAt: "2026-11-21T22:56:09.076Z",
  tags: ["a"],
  costInCents: 0.5,
  baseCostInCents: 0.0025,
  durationMs: 19,
  depth: 0,
  triggerFunction: "trigger",
};
const run = {
  ...related,
  id: "run_1",
  startedAt: related.createdAt,
  finishedAt: related.updatedAt,
  payload: { z: [1] },
  output: "x",
};

test.each([
  [{ ...run, relatedRuns: { children: [] } }],
  [{ ...run, relatedRuns: { root: related, parent: related, children: [related, related] }, attemptCount: 2 }],
  [{ ...run, delayedUntil: related.createdAt, expiredAt: related.createdAt, metadata: { step: 1 }, relatedRuns: {} }],
  [
    {
      ...run,
      status: "FAILED",
      error: { name: "Error", message: "boom", stackTrace: "at" },
      output: undefined,
      relatedRuns: {},
    },
  ],
  [
    {
      ...run,
      schedule: { id: "s", generator: { type: "CRON", expression: "* * * * *", description: "often" } },
      relatedRuns: {},
    },
  ],
])("a run that is asked for once is what the official SDK gives (%#)", async (body) => {
  recorded(body);
  configure({ baseURL, accessToken: "tr_dev_1234" });
  const theirs = await runs.retrieve("run_1");
  const { caller, principal, answer } = ours();
  const retrieved = retrieveRun(caller, principal, "run_1");
  await answer(body);
  expect(await retrieved).toEqual(theirs);
});
