import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StreamUpdate } from "./client/entries.js";
import { pagePump } from "./client/event-pump.js";
import { createClient } from "./index.js";
import { batch, startServer } from "./testing/tiny-server.js";

const built = existsSync(new URL("./wasm/generated/core/tidegate.js", import.meta.url));
if (!built) console.warn("integration-reads.test.ts is skipped: the core has not been built (make build)");

let stops: (() => unknown)[];

beforeEach(() => {
  stops = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const stop of stops.reverse()) await stop();
});

async function serve(answer: Parameters<typeof startServer>[0]) {
  const server = await startServer(answer);
  stops.push(server.stop);
  return server;
}

describe.skipIf(!built)("the real core", () => {
  it.each<[string, () => string, [number, number]]>([
    ["seconds", () => "7", [7_000, 7_000]],
    ["parts of a second", () => "7.5", [7_500, 7_500]],
    ["a date", () => new Date(Date.now() + 90_000).toUTCString(), [80_000, 90_000]],
    ["a date that has passed", () => new Date(Date.now() - 90_000).toUTCString(), [0, 500]],
    ["nothing that says when", () => "soon", [0, 500]],
  ])("keeps a Retry-After that is %s", async (_, header, [least, most]) => {
    const { baseURL, requests } = await serve((_, response) => {
      response.writeHead(503, { "retry-after": header() }).end();
    });
    const pump = pagePump();
    const principal = pump.openPrincipal({ baseURL, branch: undefined }, "tr_dev_any");
    const update = await new Promise<StreamUpdate>((resolve) => {
      const changed = (update: StreamUpdate) => update.status === "reconnecting" && resolve(update);
      const listener = { changed, parts: () => {} };
      const about = { runId: "run_1", key: "draft", lastEventId: undefined, timeoutInSeconds: undefined };
      stops.push(pump.subscribe({ principal, ...about, listener }));
    });
    pump.release(principal);
    expect(update.retryInMs).toBeGreaterThanOrEqual(least);
    expect(update.retryInMs).toBeLessThanOrEqual(most);
    expect(requests).toHaveLength(1);
  });

  it("reads where streams cannot be iterated, and changes nothing of theirs, as Safari has them", async () => {
    const { prototype } = ReadableStream as unknown as { prototype: Record<PropertyKey, unknown> };
    const kept = Object.getOwnPropertyDescriptors(prototype);
    stops.push(() => Object.defineProperties(prototype, kept));
    for (const name of [Symbol.asyncIterator, "values"]) {
      Object.defineProperty(prototype, name, {
        configurable: true,
        get() {
          throw new Error("a stream is iterated");
        },
        set() {
          throw new Error("a prototype is patched");
        },
      });
    }
    const before = Reflect.ownKeys(prototype);
    const { baseURL } = await serve((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
      response.write(batch(0, ["a", "b"]));
    });
    const client = createClient({ baseURL, accessToken: "tr_dev_any" });
    stops.push(() => client.close());
    const seen: unknown[] = [];
    for await (const part of client.stream("run_1", "draft")) {
      seen.push(part);
      if (part === "b") break;
    }
    expect(seen).toEqual(["a", "b"]);
    expect(Reflect.ownKeys(prototype)).toEqual(before);
  });
});

// A dump names the browser for whoever reads it, and decides nothing by it.
it("nothing that reads asks which browser it is in, or writes to a prototype of the host's", () => {
  const folder = join(import.meta.dirname);
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const shipped = names.filter(
    (name) => /\.(ts|tsx|js)$/.test(name) && !/\.test|testing\/|generated\/|insight\/dump/.test(name),
  );
  const host = readFileSync(join(folder, "../../src/web/host.js"), "utf8");
  const texts = [
    ...shipped.map((name) => [name, readFileSync(join(folder, name), "utf8")] as const),
    ["host.js", host],
  ];
  expect(texts.length).toBeGreaterThan(100);
  const patched = /userAgent|navigator\.vendor|\b[A-Z]\w+\.prototype(\.\w+|\[[^\]]+\])\s*=[^=]/;
  expect(texts.filter(([, text]) => patched.test(text as string)).map(([name]) => name)).toEqual([]);
});
