import { afterEach, expect, test } from "vitest";
import { answerJson, startServer } from "../testing/tiny-server.js";
import { recorded, startRecorded } from "../testing/wire.js";
import { createBackend } from "./backend.js";

const secretKey = "tr_dev_backend";
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function connect(...names: string[]) {
  const server = await startRecorded(...names);
  stops.push(server.stop);
  return { ...server, backend: createBackend({ secretKey, baseURL: server.baseURL }) };
}

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

test("triggers as the official SDK does, and hands on the token that comes with the run", async () => {
  const name = "sdk-001-01-POST-api-v1-tasks-echo-trigger";
  const { backend, requests } = await connect(name);
  const run = await backend.trigger("echo", { seconds: 60 }, { tags: ["sdk"] });
  expect(run).toMatchObject({ id: "run_1", isCached: false, taskIdentifier: "echo" });
  expect(claimsOf(run.publicAccessToken).scopes).toEqual(["read:runs:run_1", "write:inputStreams:run_1"]);
  const sent = JSON.parse(requests[0]?.body ?? "");
  const { payload, options } = JSON.parse(recorded(name).request.body ?? "");
  expect(sent).toEqual({ payload, options: { payloadType: options.payloadType, tags: options.tags } });
  expect(requests[0]?.headers).toMatchObject({
    authorization: `Bearer ${secretKey}`,
    "x-trigger-api-version": "2025-07-16",
    "x-trigger-realtime-streams-version": "v2",
  });
});

test("makes the token itself where none comes with the run", async () => {
  const server = await startServer(({ path }, response) =>
    answerJson(response, 200, path.endsWith("claims") ? { sub: "env_1", pub: true } : { id: "run_1", isCached: false }),
  );
  stops.push(server.stop);
  const run = await createBackend({ secretKey, baseURL: server.baseURL }).tasks.trigger("echo", {});
  const { scopes, exp, iat } = claimsOf(run.publicAccessToken);
  expect(scopes).toEqual(["read:runs:run_1", "write:inputStreams:run_1"]);
  expect(exp - iat).toBe(3_600);
});

test("cancels, by id or by what has one", async () => {
  const { backend, requests } = await connect("cancel-run");
  expect(await backend.runs.cancel("run_1")).toEqual({ id: "run_1" });
  expect(await backend.runs.cancel({ id: "run_1" })).toEqual({ id: "run_1" });
  const { method, path, body } = recorded("cancel-run").request;
  expect(requests).toMatchObject(Array(2).fill({ method, path, body }));
});

test("takes the page of a site for no answer", async () => {
  const { baseURL, stop } = await startServer((_, response) =>
    response.setHeader("content-type", "text/html; charset=utf-8").end("<!doctype html>"),
  );
  stops.push(stop);
  const { streams, trigger } = createBackend({ secretKey, baseURL });
  const refusal = {
    code: "not-found",
    outcome: "rejected",
    message: expect.stringContaining("not as a Trigger.dev API"),
  };
  await expect(streams.input("approval").send("run_1", {})).rejects.toMatchObject(refusal);
  await expect(trigger("echo", {})).rejects.toMatchObject(refusal);
});

test("retrieves a run", async () => {
  const { backend } = await connect("run-retrieve");
  expect(await backend.runs.retrieve("run_1")).toMatchObject({
    id: "run_1",
    status: "EXECUTING",
    createdAt: new Date("2026-11-21T22:56:05.269Z"),
    metadata: { a: 5, n: 2, list: [] },
  });
});

test("sends into a run", async () => {
  const { backend, requests } = await connect("input-v2-ok-secret");
  const { method, path, body } = recorded("input-v2-ok-secret").request;
  await backend.streams.input<unknown>({ id: "chat" }).send("run_1", JSON.parse(body ?? "").data);
  expect(requests).toMatchObject([{ method, path, body }]);
});

test("a send to a run that has finished says so", async () => {
  const { backend } = await connect("input-completed-run");
  const sent = backend.streams.input("chat").send("run_1", 1);
  await expect(sent).rejects.toMatchObject({ code: "run-finished", status: 400, outcome: "rejected" });
});

test("what JSON cannot say, and what names nothing, is refused before anybody is asked", async () => {
  const { backend, requests } = await connect();
  const chat = backend.streams.input("chat");
  await expect(chat.send("run_1", undefined)).rejects.toMatchObject({ code: "invalid-data" });
  await expect(chat.send("", 1)).rejects.toThrow(/run id is empty/);
  await expect(backend.streams.input(undefined as never).send("run_1", 1)).rejects.toThrow(
    /input stream's id is missing/,
  );
  await expect(backend.runs.cancel({} as never)).rejects.toThrow(/run id is missing/);
  await expect(backend.wait.createToken({ timeout: "soon" })).rejects.toThrow(/timeout is none that can be read/);
  await expect(backend.wait.createToken({ timeout: new Date("x") })).rejects.toThrow(/timeout/);
  expect(requests).toHaveLength(0);
});

test("makes wait tokens, and completes them", async () => {
  const { baseURL, requests, stop } = await startServer(({ path }, response) => {
    if (path.endsWith("/complete")) return answerJson(response, 200, { success: true });
    response.setHeader("x-trigger-jwt", "its.own.token");
    answerJson(response, 200, { id: "waitpoint_1", isCached: false, url: "https://api.test/callback/cc" });
  });
  stops.push(stop);
  const { wait } = createBackend({ secretKey, baseURL });
  const token = await wait.createToken({ timeout: "1d12h", tags: ["order"] });
  expect(token).toEqual({
    id: "waitpoint_1",
    isCached: false,
    url: "https://api.test/callback/cc",
    publicAccessToken: "its.own.token",
  });
  expect(await wait.completeToken(token, { approved: true })).toEqual({ success: true });
  const at = new Date(1_790_000_000_000);
  await wait.createToken({ timeout: at });
  expect(requests.map(({ path, body }) => [path, body])).toEqual([
    ["/api/v1/waitpoints/tokens", '{"timeout":"1d12h","tags":["order"]}'],
    ["/api/v1/waitpoints/tokens/waitpoint_1/complete", '{"data":{"approved":true}}'],
    ["/api/v1/waitpoints/tokens", `{"timeout":"${at.toISOString()}"}`],
  ]);
});

test("a refused key is told as one", async () => {
  const { backend, baseURL } = await connect("trigger-bad-key");
  const refused = backend.trigger("echo", {});
  await expect(refused).rejects.toMatchObject({ code: "unauthorized", status: 401, serverMessage: "Invalid API key" });
  await expect(refused).rejects.toThrow(`${baseURL} refused the secret key.`);
});
