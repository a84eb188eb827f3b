// The official SDK, as a backend uses it, asks our development server.
import { ApiClient } from "@trigger.dev/core/v3";
import { StandardRealtimeStreamsManager } from "@trigger.dev/core/v3/workers";
import { auth, batch, configure, runs, streams, tasks, wait } from "@trigger.dev/sdk";
import { beforeEach, expect, test, vi } from "vitest";
import { backend, secretKey, unique } from "../support/backend.js";
import type { render } from "../types/tasks.js";

const { baseURL } = backend;

beforeEach(() => configure({ baseURL, accessToken: secretKey }));

const done = { status: "COMPLETED_SUCCESSFULLY", output: { url: "https://example.com/sea" } };

async function* inTurn<T>(...parts: T[]) {
  yield* parts;
}

test("tasks.trigger, runs.retrieve", async () => {
  const handle = await tasks.trigger("desk", { at: new Date(0) }, { tags: ["a", "b"], metadata: { by: "sdk" } });
  expect(handle.id).toMatch(/^run_/);
  expect(handle.publicAccessToken).toMatch(/^ey/);
  const run = await runs.retrieve(handle.id);
  expect(run).toMatchObject({
    id: handle.id,
    status: "QUEUED",
    tags: ["a", "b"],
    metadata: { by: "sdk" },
    isQueued: true,
  });
  // Read on the server: what JSON has no word for is lost on the way.
  expect(run.payload).toEqual({ at: "1970-01-01T00:00:00.000Z" });
  expect(run.createdAt).toBeInstanceOf(Date);
});

test("an idempotency key makes one run of two triggers", async () => {
  const idempotencyKey = unique("key");
  const [first, second] = [
    await tasks.trigger("desk", {}, { idempotencyKey }),
    await tasks.trigger("desk", {}, { idempotencyKey }),
  ];
  expect(second.id).toBe(first.id);
});

test("a payload and an output that are too large for a row", async () => {
  const text = "0123456789".repeat(60_000);
  const handle = await tasks.trigger("desk", { text });
  await backend.report(handle.id, { status: "COMPLETED_SUCCESSFULLY", output: { text } });
  const run = await runs.retrieve(handle.id);
  expect([run.payload, run.output]).toEqual([{ text }, { text }]);
});

test("runs.list by tag, page by page", async () => {
  const tag = unique("tag");
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.push((await tasks.trigger("desk", {}, { tags: tag })).id);
  const page = await runs.list({ tag, limit: 2 });
  expect(page.data).toHaveLength(2);
  const listed: string[] = [];
  for await (const { id, taskIdentifier } of runs.list({ tag, limit: 2 })) {
    expect(taskIdentifier).toBe("desk");
    listed.push(id);
  }
  expect(new Set(listed)).toEqual(new Set(ids));
  expect((await runs.list({ tag, status: "COMPLETED" })).data).toEqual([]);
});

test("runs.cancel", async () => {
  const { id } = await tasks.trigger("desk", {});
  expect(await runs.cancel(id)).toEqual({ id });
  expect(await runs.retrieve(id)).toMatchObject({ status: "CANCELED", isCancelled: true });
});

test("runs.reschedule of a delayed run", async () => {
  const { id } = await tasks.trigger("desk", {}, { delay: "1h" });
  expect((await runs.retrieve(id)).status).toBe("DELAYED");
  const run = await runs.reschedule(id, { delay: "2h" });
  expect(run.id).toBe(id);
});

test("runs.poll of a demo task", async () => {
  const { id } = await tasks.trigger("progress", { steps: 1, name: "one" });
  const run = await runs.poll(id, { pollIntervalMs: 100 });
  expect(run).toMatchObject({ status: "COMPLETED", isSuccess: true, output: { done: 1 } });
  expect(run.metadata).toMatchObject({ progress: { done: 1, total: 1 } });
});

test("what is not there is said in the SDK's words", async () => {
  await expect(runs.cancel("run_missing")).rejects.toMatchObject({ status: 404, name: "TriggerApiError" });
  await expect(wait.completeToken("waitpoint_missing", {})).rejects.toMatchObject({ status: 404 });
  configure({ baseURL, accessToken: "tr_dev_wrong" });
  await expect(tasks.trigger("desk", {})).rejects.toMatchObject({ status: 401 });
});

test("wait.createToken, retrieveToken, completeToken, listTokens", async () => {
  const tag = unique("tag");
  const token = await wait.createToken({ timeout: "10m", tags: [tag] });
  expect(token).toMatchObject({ id: expect.stringMatching(/^waitpoint_/), isCached: false });
  expect(token.publicAccessToken).toMatch(/^ey/);
  expect(await wait.retrieveToken(token)).toMatchObject({ id: token.id, status: "WAITING", tags: [tag] });
  expect(await wait.completeToken(token, { ok: true, at: new Date(0) })).toEqual({ success: true });
  expect(await wait.retrieveToken<{ ok: boolean }>(token.id)).toMatchObject({
    status: "COMPLETED",
    output: { ok: true },
  });
  const listed: string[] = [];
  for await (const { id } of wait.listTokens({ tags: [tag] })) listed.push(id);
  expect(listed).toEqual([token.id]);
});

test("a token's callback address needs no credentials", async () => {
  const { id, url } = await wait.createToken({});
  expect((await fetch(url, { method: "POST", body: '{"by":"anyone"}' })).status).toBe(200);
  expect(await wait.retrieveToken(id)).toMatchObject({ status: "COMPLETED", output: { by: "anyone" } });
});

test("tasks.batchTrigger and batch.trigger, item by item", async () => {
  const handle = await tasks.batchTrigger<typeof render>("render", [
    { payload: { scene: "sea" }, options: { tags: ["a"] } },
    { payload: { scene: "wood" } },
  ]);
  expect(handle).toMatchObject({ batchId: expect.stringMatching(/^batch_/), runCount: 2 });
  expect(handle.publicAccessToken).toMatch(/^ey/);
  await vi.waitFor(async () => expect((await batch.retrieve(handle.batchId)).runs).toHaveLength(2));
  const [first] = (await batch.retrieve(handle.batchId)).runs;
  expect(await runs.retrieve(first as string)).toMatchObject({ payload: { scene: "sea" }, tags: ["a"] });
  async function* items() {
    for (const scene of ["sea", "wood", "town"]) yield { id: "render" as const, payload: { scene } };
  }
  const streamed = await batch.trigger<typeof render>(items());
  await vi.waitFor(async () => expect((await batch.retrieve(streamed.batchId)).runs).toHaveLength(3));
});

test("auth.createPublicToken, and what it may", async () => {
  const { id } = await tasks.trigger("desk", {});
  const mine = await auth.createPublicToken({ scopes: { read: { runs: [id] } }, expirationTime: "1h" });
  await auth.withAuth({ baseURL, accessToken: mine }, async () => {
    expect((await runs.retrieve(id)).id).toBe(id);
    await expect(tasks.trigger("desk", {})).rejects.toMatchObject({ status: 403 });
  });
});

test("a one-time token triggers once", async () => {
  const accessToken = await auth.createTriggerPublicToken("desk");
  await auth.withAuth({ baseURL, accessToken }, async () => {
    const { id } = await tasks.trigger("desk", { n: 1 });
    expect(id).toMatch(/^run_/);
    await expect(tasks.trigger("desk", { n: 2 })).rejects.toMatchObject({ status: 422 });
  });
});

test("streams.read, from its start and from an index", async () => {
  const { id } = await tasks.trigger("desk", {});
  await backend.write(id, "ai", "one", { two: 2 }, "three");
  const read: unknown[] = [];
  for await (const part of await streams.read(id, "ai", { timeoutInSeconds: 1 })) read.push(part);
  expect(read).toEqual(["one", { two: 2 }, "three"]);
  const rest: unknown[] = [];
  for await (const part of await streams.read(id, "ai", { timeoutInSeconds: 1, startIndex: 2 })) rest.push(part);
  expect(rest).toEqual(["three"]);
});

test("what a worker of the SDK writes into a stream", async () => {
  const { id } = await tasks.trigger("desk", {});
  const client = new ApiClient(baseURL, secretKey);
  // What stands behind streams.pipe in a task.
  const writer = new StandardRealtimeStreamsManager(client, baseURL);
  await writer.pipe("log", inTurn<unknown>("a", { b: 1 }), { target: id }).wait();
  await client.appendToStream(id, "self", "log", "c");
  expect((await runs.retrieve(id)).status).toBe("QUEUED");
  // Where streams are kept at S2 it writes there, with what it was handed, and not through this server.
  const path = `/realtime/v1/streams/${id}/self/log`;
  const ingested = (await backend.requests(path)).filter(
    (request) => request.method === "POST" && request.path === path,
  );
  expect(ingested).toHaveLength(process.env.TIDEGATE_STREAMS === "s2" ? 0 : 1);
  const read: unknown[] = [];
  for await (const part of await streams.read(id, "log", { timeoutInSeconds: 1 })) read.push(part);
  expect(read).toEqual(["a", { b: 1 }, "c"]);
});

test("where to get a packet of a run", async () => {
  const { id } = await tasks.trigger("desk", { text: "0123456789".repeat(60_000) });
  const client = new ApiClient(baseURL, await backend.token(`read:runs:${id}`));
  const { presignedUrl } = await client.getRunPacketUrl(id, "payload", "never asked for");
  expect((await (await fetch(presignedUrl)).text()).length).toBeGreaterThan(600_000);
  expect((await backend.requests(`/api/v1/runs/${id}/packets/payload`)).map(({ status }) => status)).toEqual([200]);
});

test("streams.input: what is sent is in the run's input, and answers a demo task", async () => {
  const approval = streams.input<{ approved: boolean }>({ id: "approval" });
  const desk = await tasks.trigger("desk", {});
  await approval.send(desk.id, { approved: true });
  expect(await backend.firstInput(desk.id, "approval")).toEqual({ approved: true });
  const { id } = await tasks.trigger("chat", {});
  const messages = streams.input<string>({ id: "messages" });
  await messages.send(id, "Hello");
  let text = "";
  for await (const part of await streams.read<string>(id, "replies", { timeoutInSeconds: 5 })) {
    text += part;
    if (text.endsWith("\n")) break;
  }
  expect(text.length).toBeGreaterThan(1);
  await runs.cancel(id);
});

test("a send to a run that has finished is refused", async () => {
  const { id } = await tasks.trigger("desk", {});
  await backend.report(id, done);
  await expect(streams.input<string>({ id: "x" }).send(id, "late")).rejects.toMatchObject({ status: 400 });
});
