import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SendUpdate } from "./client/entries.js";
import { pagePump } from "./client/event-pump.js";
import { createClient, TidegateError } from "./index.js";
import { answerJson, batch, startServer } from "./testing/tiny-server.js";
import { fakeJwt } from "./testing/tokens.js";

/** By what number the core is told to send. */
const SEND = 5;
const built = existsSync(new URL("./wasm/generated/core/tidegate.js", import.meta.url));
if (!built) console.warn("integration.test.ts is skipped: the core has not been built (make build)");

const unauthorized = { error: "Unauthorized", code: "unauthorized", param: "access_token", type: "authorization" };
const writeToken = (serial = 0) =>
  fakeJwt({ scopes: ["write:inputStreams:run_1", "read:runs:run_1"], exp: inAnHour(), serial });
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

let stops: (() => unknown)[];

beforeEach(() => {
  stops = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const stop of stops.reverse()) await stop();
});

async function connect(answer: Parameters<typeof startServer>[0], accessToken: string | (() => string) = writeToken()) {
  const server = await startServer(answer);
  const client = createClient({ baseURL: server.baseURL, accessToken });
  stops.push(server.stop, () => client.close());
  return { client, server };
}

describe.skipIf(!built)("the real core", () => {
  it("sends, and the server takes it", async () => {
    const { client, server } = await connect((_, response) => answerJson(response, 200, { ok: true }));
    const data = { approved: true, note: 'quotes ", ünïcode and \u2028' };
    await expect(client.send("run_1", "approval", data)).resolves.toMatchObject({ runId: "run_1", attempts: 1 });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: "POST", path: "/realtime/v1/streams/run_1/input/approval" });
    expect(request?.headers.authorization).toMatch(/^Bearer eyJ/);
    expect(JSON.parse(request?.body ?? "")).toEqual({ data });
  });

  it("takes the page of a site for no acceptance", async () => {
    const { client } = await connect((_, response) =>
      response.setHeader("content-type", "text/html").end("<!doctype html>"),
    );
    const error = await client.send("run_1", "approval", 1).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "not-found", outcome: "rejected" });
    expect(error.message).toMatch(/^The base URL may be wrong\./);
  });

  it("sends to one stream in call order, one at a time", async () => {
    let open = 0;
    const { client, server } = await connect((_, response) => {
      open += 1;
      expect(open).toBe(1);
      setImmediate(() => {
        open -= 1;
        answerJson(response, 200, { ok: true });
      });
    });
    await Promise.all([1, 2, 3, 4, 5].map((n) => client.send("run_1", "chat", n)));
    expect(server.requests.map(({ body }) => JSON.parse(body).data)).toEqual([1, 2, 3, 4, 5]);
  });

  it("repeats a send whose time comes just as something else happens", async () => {
    const passed = { ms: 0 };
    const { now } = performance;
    vi.spyOn(performance, "now").mockImplementation(() => now.call(performance) + passed.ms);
    let refused = false;
    let answerOther = () => {};
    const { client, server } = await connect(({ path }, response) => {
      if (path.endsWith("/other")) {
        answerOther = () => answerJson(response, 200, { ok: true });
        return;
      }
      answerJson(response, refused ? 200 : 429, { ok: refused });
      refused = true;
    });
    const other = client.send("run_1", "other", 1);
    await vi.waitFor(() => expect(server.requests).toHaveLength(1));
    const pump = pagePump();
    const principal = pump.openPrincipal({ baseURL: server.baseURL, branch: undefined }, writeToken());
    const updates: SendUpdate[] = [];
    const listener = (update: SendUpdate) => updates.push(update);
    pump.send({ principal, runId: "run_1", streamId: "busy", json: "1", listener });
    await vi.waitFor(() => expect(updates.at(-1)).toMatchObject({ state: "queued", waitingFor: "backoff" }));
    passed.ms = 5_000;
    answerOther();
    await other;
    await vi.waitFor(() => expect(updates.at(-1)).toMatchObject({ state: "accepted", attempt: 2 }));
    pump.release(principal);
  });

  it("names the scope that a token lacks, without asking the server", async () => {
    const readOnly = fakeJwt({ scopes: ["read:runs:run_1"], exp: inAnHour() });
    const { client, server } = await connect((_, response) => answerJson(response, 403, unauthorized), readOnly);
    const error = await client.send("run_1", "approval", 1).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(TidegateError);
    expect(error).toMatchObject({ code: "forbidden", outcome: "rejected", retryable: false });
    expect(error.missingScope).toBe("write:inputStreams:run_1");
    expect(error.message).toContain('"write:inputStreams:run_1"');
    expect(server.requests).toEqual([]);
  });

  it("says what the server refused where the token does not tell", async () => {
    const { client } = await connect((_, response) => answerJson(response, 403, unauthorized), "tr_dev_restricted");
    await expect(client.send("run_1", "approval", 1)).rejects.toMatchObject({ code: "forbidden", status: 403 });
  });

  it("asks a token function once more when its token is refused, and then the send goes through", async () => {
    const [revoked, good] = [writeToken(1), writeToken(2)];
    const tokens = [revoked, good];
    const { client, server } = await connect(
      ({ headers }, response) => {
        if (headers.authorization === `Bearer ${good}`) answerJson(response, 200, { ok: true });
        else answerJson(response, 401, { error: "Public Access Token is invalid" });
      },
      () => tokens.shift() ?? good,
    );
    await expect(client.send("run_1", "approval", 1)).resolves.toMatchObject({ attempts: 2 });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Bearer ${revoked}`,
      `Bearer ${good}`,
    ]);
  });

  it("reads over a cut, a part at a time, without a gap or a repeat", async () => {
    const { client, server } = await connect(({ headers }, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
      const from = headers["last-event-id"] === undefined ? 0 : Number(headers["last-event-id"]) + 1;
      const parts = ["Tide", "gäte", { n: 1 }, null, "end"];
      if (from > 0) return response.write(batch(from, parts.slice(from)));
      const bytes = Buffer.from(batch(0, parts.slice(0, 2)));
      // Split inside a character, then cut in the middle of the next event.
      response.write(bytes.subarray(0, bytes.indexOf("ä") + 1));
      response.write(bytes.subarray(bytes.indexOf("ä") + 1));
      return response.write(batch(2, parts.slice(2)).slice(0, 40), () => setImmediate(() => response.destroy()));
    });
    const stream = client.stream("run_1", "draft");
    const seen: unknown[] = [];
    for await (const part of stream) {
      seen.push(part);
      if (part === "end") break;
    }
    expect(seen).toEqual(["Tide", "gäte", { n: 1 }, null, "end"]);
    expect(stream.lastEventId).toBe("4");
    expect(server.requests.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "1"]);
    expect(server.requests[0]).toMatchObject({ method: "GET", path: "/realtime/v1/streams/run_1/draft" });
  });

  it("lets the server wait for a slow loop, through a cut while it is held, and loses nothing", {
    timeout: 30_000,
  }, async () => {
    const COUNT = 800;
    const filler = "x".repeat(2 ** 16);
    let cut = () => {};
    const { client, server } = await connect(({ headers }, response) => {
      cut = () => response.destroy();
      response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
      let n = headers["last-event-id"] === undefined ? 0 : Number(headers["last-event-id"]) + 1;
      const write = () => {
        while (n < COUNT && !response.destroyed) {
          n += 1;
          if (!response.write(batch(n - 1, [{ n: n - 1, filler }]))) return response.once("drain", write);
        }
      };
      write();
    });
    const stream = client.stream<{ n: number }>("run_1", "draft");
    const seen: number[] = [];
    let most = 0;
    for await (const { n } of stream) {
      seen.push(n);
      // What the loop does for each part: enough turns of the event loop for anything that has come to be read.
      for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      most = Math.max(most, Number(stream.lastEventId) - n);
      if (n === COUNT / 2) cut();
      if (n === COUNT - 1) break;
    }
    expect(seen).toEqual(Array.from({ length: COUNT }, (_, n) => n));
    expect(most * filler.length).toBeLessThan(3 * 2 ** 20);
    expect(server.requests).toHaveLength(2);
  });

  it("ends a loop once the run has finished and everything has been read, the last words too", async () => {
    const log = ["draft"];
    const { client, server } = await connect(({ path, headers }, response) => {
      if (path === "/api/v3/runs/run_1") {
        // They are written between the question and the answer.
        log.push("last words");
        return answerJson(response, 200, { id: "run_1", finishedAt: "2026-01-01T00:00:00.000Z" });
      }
      const from = Number(headers["last-event-id"] ?? -1) + 1;
      const ping = `event: ping\ndata: {"timestamp":1,"tail":{"seq_num":${log.length},"timestamp":1}}\n\n`;
      response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
      return response.write((from < log.length ? batch(from, log.slice(from)) : "") + ping);
    });
    const stream = client.stream("run_1", "draft");
    const seen: unknown[] = [];
    for await (const part of stream) seen.push(part);
    expect(seen).toEqual(["draft", "last words"]);
    expect(stream).toMatchObject({ status: "ended", endReason: "run-finished" });
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/realtime/v1/streams/run_1/draft",
      "/api/v3/runs/run_1",
      "/realtime/v1/streams/run_1/draft",
    ]);
  });

  it("ends a loop over a run that is not there with not-found", async () => {
    const { client } = await connect((_, response) => answerJson(response, 404, { error: "Not found" }));
    await expect(client.stream("run_1", "draft").next()).rejects.toMatchObject({ code: "not-found", status: 404 });
  });

  it("goes on with a fresh instance after a trap: the stream resumes, and the next send goes through", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    let giveUp = () => {};
    const givenUp = new Promise<void>((resolve) => {
      giveUp = resolve;
    });
    const { client, server } = await connect(({ method, headers }, response) => {
      if (method === "POST") return answerJson(response, 200, { ok: true });
      response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
      if (headers["last-event-id"] === "0") return response.write(batch(1, ["after"]));
      response.once("close", giveUp);
      return response.write(batch(0, ["before"]));
    });
    const stream = client.stream("run_1", "draft");
    await expect(stream.next()).resolves.toMatchObject({ value: "before" });

    const modules = {
      wasm: import("./wasm/generated/core/tidegate.js"),
      js: import("./wasm/generated/core-js/tidegate.js"),
    };
    const { Core } = await modules[client.engine ?? "wasm"];
    const { call } = Core.prototype;
    const broken = vi.spyOn(Core.prototype, "call").mockImplementation(function (this: unknown, ...given) {
      if (given[0] !== SEND) return call.apply(this as never, given);
      broken.mockRestore();
      throw new WebAssembly.RuntimeError("unreachable");
    });
    await expect(client.send("run_1", "approval", 1)).rejects.toMatchObject({
      code: "engine-unavailable",
      outcome: "unknown",
    });
    await expect(stream.next()).resolves.toMatchObject({ value: "after" });
    await givenUp;
    await expect(client.send("run_1", "approval", 2)).resolves.toMatchObject({ attempts: 1 });
    expect(server.requests.filter(({ method }) => method === "POST").map(({ body }) => body)).toEqual(['{"data":2}']);
    expect(client.engine).toBe(process.env.TIDEGATE_ENGINE ?? "wasm");
  });
});
