import { existsSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient, type RealtimeRun } from "./index.js";
import { insertRun, RUN_SCHEMA, updateRun } from "./testing/runs.js";
import { answerJson, startServer } from "./testing/tiny-server.js";
import { fakeJwt } from "./testing/tokens.js";

const built = existsSync(new URL("./wasm/generated/core/tidegate.js", import.meta.url));

const token = (...scopes: string[]) => fakeJwt({ scopes, exp: Math.floor(Date.now() / 1000) + 3600 });

let stops: (() => unknown)[];

beforeEach(() => {
  stops = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const stop of stops.reverse()) await stop();
});

async function connect(answer: Parameters<typeof startServer>[0], accessToken: string) {
  const server = await startServer(answer);
  const client = createClient({ baseURL: server.baseURL, accessToken });
  stops.push(server.stop, () => client.close());
  return { client, server };
}

const upToDate = { headers: { control: "up-to-date" } };

/** One answer of a feed, at an offset. */
function answerFeed(response: ServerResponse, offset: number, messages: object[], live: boolean): void {
  response
    .writeHead(200, {
      "content-type": "application/json; charset=utf-8",
      "electric-handle": "run-1",
      "electric-offset": `${offset}_0`,
      ...(live ? { "electric-cursor": String(offset) } : { "electric-schema": JSON.stringify(RUN_SCHEMA) }),
    })
    .end(JSON.stringify([...messages, upToDate]));
}

describe.skipIf(!built)("the real core", () => {
  it("follows a run to its end", async () => {
    const output = JSON.stringify({ json: { at: "2026-01-01T00:00:00.000Z" }, meta: { values: { at: ["Date"] } } });
    const finished = {
      status: "COMPLETED_SUCCESSFULLY",
      completedAt: "2026-11-21T22:56:09.070",
      output,
      outputType: "application/super+json",
    };
    let polls = 0;
    const { client, server } = await connect(({ path }, response) => {
      const isLive = new URL(path, "http://x").searchParams.get("live") === "true";
      polls += 1;
      if (!isLive) answerFeed(response, 1, [insertRun("run_1")], false);
      else if (polls === 2) answerFeed(response, 2, [updateRun("run_1", { metadata: '{"step":1}' })], true);
      else if (polls === 3) answerFeed(response, 3, [updateRun("run_1", finished)], true);
      // Held for a while, as a server does that has no news.
      else setTimeout(() => answerFeed(response, 3, [], true), 1_100);
    }, token("read:runs:run_1"));
    const feed = client.run("run_1", { skipColumns: ["ttl"] });
    let last: RealtimeRun | undefined;
    for await (const run of feed) last = run;
    expect(last).toMatchObject({ status: "COMPLETED", metadata: { step: 1 }, payload: { seconds: 200 } });
    expect(last?.output).toEqual({ at: new Date("2026-01-01T00:00:00.000Z") });
    expect([feed.status, feed.endReason]).toEqual(["ended", "run-finished"]);
    const [first] = server.requests;
    expect(first?.path).toMatch(/^\/realtime\/v1\/runs\/run_1\?/);
    expect(Object.fromEntries(new URL(first?.path ?? "", "http://x").searchParams)).toMatchObject({
      offset: "-1",
      skipColumns: "ttl",
    });
  });

  it("follows runs by their tags until the loop is left", async () => {
    const { client, server } = await connect(({ path }, response) => {
      if (!path.includes("live=true")) answerFeed(response, 1, [insertRun("run_1"), insertRun("run_2")], false);
    }, token("read:tags:a"));
    const seen: string[] = [];
    for await (const { id } of client.runs({ tags: ["b", "a"], createdAt: "1h" })) {
      seen.push(id);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(["run_1", "run_2"]);
    const { searchParams } = new URL(server.requests[0]?.path ?? "", "http://x");
    expect([searchParams.get("tags"), searchParams.get("createdAt")]).toEqual(["a,b", "1h"]);
  });

  it("ends a feed that is refused with the reason", async () => {
    const { client } = await connect(
      (_, response) => answerJson(response, 404, { error: "Not found" }),
      token("read:runs"),
    );
    await expect(client.run("run_1").next()).rejects.toMatchObject({ code: "not-found", status: 404 });
  });

  it("triggers a task once, over an answer that is lost", async () => {
    const { client, server } = await connect((_, response) => {
      if (server.requests.length === 1) response.destroy();
      else {
        response.setHeader("x-trigger-jwt", "its token");
        answerJson(response, 200, { id: "run_1", isCached: false });
      }
    }, token("trigger:tasks:hello"));
    const handle = await client.trigger("hello", { at: new Date(0) }, { tags: "a" });
    expect(handle).toEqual({ id: "run_1", isCached: false, publicAccessToken: "its token", taskIdentifier: "hello" });
    const [first, second] = server.requests;
    expect(first?.path).toBe("/api/v1/tasks/hello/trigger");
    expect(JSON.parse(first?.body ?? "")).toEqual({
      payload: '{"json":{"at":"1970-01-01T00:00:00.000Z"},"meta":{"values":{"at":["Date"]}}}',
      options: { payloadType: "application/super+json", tags: "a" },
    });
    const key = "x-trigger-request-idempotency-key";
    expect(first?.headers[key]).toBeTruthy();
    expect(second?.headers[key]).toBe(first?.headers[key]);
  });

  it("refuses a trigger that its token does not allow, before the network", async () => {
    const { client, server } = await connect(() => expect.unreachable(), token("read:runs:run_1"));
    await expect(client.trigger("hello", 1)).rejects.toMatchObject({
      code: "forbidden",
      missingScope: "trigger:tasks:hello",
      outcome: "rejected",
    });
    expect(server.requests).toEqual([]);
  });

  it("completes, retrieves and cancels", async () => {
    const { client, server } = await connect(
      ({ path }, response) =>
        answerJson(
          response,
          200,
          path.includes("waitpoints") ? { success: true } : { id: "run_1", createdAt: "2026-11-21T22:56:08.235Z" },
        ),
      token("write:waitpoints:waitpoint_1", "read:runs:run_1", "write:runs:run_1"),
    );
    expect(await client.completeWaitToken("waitpoint_1", { ok: true })).toEqual({ success: true });
    expect((await client.retrieveRun("run_1")).createdAt).toEqual(new Date("2026-11-21T22:56:08.235Z"));
    expect(await client.cancelRun("run_1")).toEqual({ id: "run_1" });
    expect(server.requests.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["POST", "/api/v1/waitpoints/tokens/waitpoint_1/complete", '{"data":{"ok":true}}'],
      ["GET", "/api/v3/runs/run_1", ""],
      ["POST", "/api/v2/runs/run_1/cancel", ""],
    ]);
  });

  it("fetches what lies in the object store without a token", async () => {
    const { client, server } = await connect(({ path }, response) => {
      if (path.startsWith("/api/v1/packets/")) answerJson(response, 200, { presignedUrl: `${server.baseURL}/store/1` });
      else if (path === "/store/1") answerJson(response, 200, { big: true });
      else if (!path.includes("live=true")) {
        const stored = { output: "runs/1/output.json", outputType: "application/store" };
        answerFeed(response, 1, [insertRun("run_1", { ...stored, completedAt: "2026-11-21T22:56:09.070" })], false);
      }
    }, token("read:runs:run_1"));
    expect((await client.run("run_1").finished()).output).toEqual({ big: true });
    const request = server.requests.find(({ path }) => path === "/store/1");
    expect(request?.headers.authorization).toBeUndefined();
    expect(server.requests.map(({ path }) => path)).toContain("/api/v1/packets/runs%2F1%2Foutput.json");
  });
});
