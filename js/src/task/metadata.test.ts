import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeRun } from "../testing/fake-run.js";
import { type MetadataStreams, metadataWith } from "./metadata.js";
import { inRun } from "./run-context.js";

const built = existsSync(new URL("../wasm/generated/task/tidegate.js", import.meta.url));
if (!built) console.warn("metadata.test.ts is skipped: the core has not been built (make build)");

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Record<string, unknown[]> | undefined;
  answer(status: number, body: unknown, headers?: Record<string, string>): void;
}

describe.skipIf(!built)("metadata inside of a task", () => {
  const asked: Asked[] = [];
  let listener: ((asked: Asked) => void) | undefined;
  let server: Server;
  let run: FakeRun;
  const piped: unknown[] = [];
  const streams: MetadataStreams = {
    pipe(key, source, options) {
      piped.push([key, options]);
      return { stream: source as never };
    },
    read: async (...given) => given as never,
  };
  const metadata = metadataWith(streams);
  const inside = <Result>(call: () => Result) => inRun(run, call);
  const begin = (given: ConstructorParameters<typeof FakeRun>[2] = {}) => {
    const { port } = server.address() as AddressInfo;
    run = new FakeRun({ baseURL: `http://127.0.0.1:${port}`, secretKey: "tr_dev_test" }, "run_1", given);
  };
  /** The next request. */
  const next = () =>
    new Promise<Asked>((resolve) => {
      const first = asked.shift();
      if (first) resolve(first);
      else listener = resolve;
    });
  const accept = async (document: object) => {
    const request = await next();
    request.answer(200, { metadata: document });
    return request;
  };

  beforeEach(async () => {
    asked.length = 0;
    piped.length = 0;
    listener = undefined;
    server = createServer(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      const { method, url, headers } = request;
      const answer: Asked["answer"] = (status, body, more = {}) => {
        response.writeHead(status, { "content-type": "application/json", ...more }).end(JSON.stringify(body));
      };
      const made = { method, url, headers, body: text ? JSON.parse(text) : undefined, answer };
      if (listener) {
        const tell = listener;
        listener = undefined;
        tell(made);
      } else asked.push(made);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    begin();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  });

  it("is seen at once and written together, in order, with the key and the secret", async () => {
    begin({ parentRunId: "run_parent", rootRunId: "run_root", metadata: '{"n":1}' });
    inside(() => {
      metadata.set("progress", 0.5).append("logs", "half").increment("n").increment("n", 2).parent.increment("done");
      metadata.root.set("last", new Date(0)).decrement("left", 3);
      expect(metadata.current()).toEqual({ n: 4, progress: 0.5, logs: ["half"] });
      expect(metadata.get("logs")).toEqual(["half"]);
    });
    const flushed = inside(() => metadata.flush());
    const { method, url, headers, body } = await accept({ n: 4, progress: 0.5, logs: ["half"], others: 1 });
    expect([method, url, headers.authorization]).toEqual(["PUT", "/api/v1/runs/run_1/metadata", "Bearer tr_dev_test"]);
    expect(headers["x-trigger-request-idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(body).toEqual({
      operations: [
        { type: "set", key: "progress", value: 0.5 },
        { type: "append", key: "logs", value: "half" },
        { type: "increment", key: "n", value: 3 },
      ],
      parentOperations: [{ type: "increment", key: "done", value: 1 }],
      rootOperations: [
        { type: "set", key: "last", value: "1970-01-01T00:00:00.000Z" },
        { type: "increment", key: "left", value: -3 },
      ],
    });
    await flushed;
    expect(inside(() => metadata.get("others"))).toBe(1);
    await run.end();
  });

  it("is written before the run sleeps, which it does as well where that fails", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const wait = { streamId: "words", timeout: undefined, idempotencyKey: undefined };
    const sleep = () =>
      void run.waitForInput({ ...wait, idempotencyKeyTTL: undefined, tags: undefined, lastSeqNum: 0 });
    inside(() => metadata.set("step", "asking"));
    sleep();
    const { body, answer } = await next();
    expect([body?.operations, run.waits]).toEqual([[{ type: "set", key: "step", value: "asking" }], []]);
    answer(200, { metadata: { step: "asking" } });
    await vi.waitFor(() => expect(run.waits).toHaveLength(1));
    inside(() => metadata.set("step", "asking again"));
    sleep();
    (await next()).answer(400, { error: "no" });
    await vi.waitFor(() => expect(run.waits).toHaveLength(2));
    sleep();
    await vi.waitFor(() => expect(run.waits).toHaveLength(3));
    await run.end();
    expect(asked).toEqual([]);
  });

  it("says which execution of the run writes, and drops what one that does not count has queued", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    begin({ number: 7 });
    const flushed = inside(() => metadata.increment("n").flush());
    const { headers, answer } = await next();
    expect(headers["x-tidegate-execution"]).toBe("7");
    answer(410, { error: "This execution of the run is not the one that counts" });
    await expect(flushed).rejects.toMatchObject({ code: "aborted", status: 410 });
    expect(said).not.toHaveBeenCalled();
    await run.end();
    expect(asked).toEqual([]);
  });

  it("writes what is changed in one go in one request, however long that takes", async () => {
    begin({ parentRunId: "run_parent", rootRunId: "run_parent" });
    let late = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + late);
    inside(() => {
      metadata.set("counted", true);
      late += 10_000;
      metadata.increment("n").parent.increment("n");
    });
    const { body } = await accept({ counted: true, n: 1 });
    expect(body?.operations).toHaveLength(2);
    expect(body?.parentOperations).toEqual([{ type: "increment", key: "n", value: 1 }]);
    await run.end();
  });

  it("writes after the interval by itself, and before the end of the run", async () => {
    vi.stubEnv("TRIGGER_RUN_METADATA_FLUSH_INTERVAL", "20");
    inside(() => metadata.set("a", 1));
    expect((await accept({ a: 1 })).body?.operations).toEqual([{ type: "set", key: "a", value: 1 }]);
    inside(() => metadata.del("a"));
    const ended = run.end();
    expect((await accept({})).body?.operations).toEqual([{ type: "delete", key: "a" }]);
    await ended;
    expect(() => inside(() => metadata.set("b", 1))).toThrow(/run has ended/);
  });

  it("keeps what has been done here when an answer comes", async () => {
    inside(() => metadata.set("a", 1));
    const flushed = inside(() => metadata.flush());
    const request = await next();
    inside(() => metadata.set("b", 2));
    request.answer(200, { metadata: { a: 1 } });
    await flushed;
    expect(inside(() => metadata.current())).toEqual({ a: 1, b: 2 });
    const ended = run.end();
    await accept({ a: 1, b: 2 });
    await ended;
  });

  it("keeps what cannot be written, and says it to whoever flushes", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    inside(() => metadata.append("list", 1));
    const refused = inside(() => metadata.flush());
    (await next()).answer(401, { error: "Invalid API key" });
    await expect(refused).rejects.toMatchObject({ code: "unauthorized", status: 401 });
    expect(said).toHaveBeenCalledTimes(1);
    expect(String(said.mock.calls)).not.toContain("tr_dev_test");
    const ended = run.end();
    expect((await accept({ list: [1] })).body?.operations).toEqual([{ type: "append", key: "list", value: 1 }]);
    await ended;
  });

  it("says which operations the server will not take, and goes on with the others", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    inside(() => metadata.append("list", "x"));
    const flushed = inside(() => metadata.flush());
    (await next()).answer(413, { error: "Metadata exceeds maximum size of 262144 bytes" });
    await expect(flushed).rejects.toMatchObject({ code: "too-large", status: 413 });
    expect(said.mock.calls[0]?.[0]).toContain("refused 1 operation");
    expect(inside(() => metadata.current())).toEqual({});
    await run.end();
  });

  it("refuses what no document can hold, and changes nothing", async () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    inside(() => {
      for (const value of [undefined, () => {}, 1n, cycle, { deep: [Symbol("x")] }, { map: new Map() }]) {
        expect(() => metadata.set("a", value)).toThrow(expect.objectContaining({ code: "invalid-data" }));
      }
      for (const whole of [[], "text", null, 1, new Date()]) {
        expect(() => metadata.replace(whole as object)).toThrow(/must be an object/);
      }
      expect(() => metadata.increment("a", Number.NaN)).toThrow(/number is needed/);
      expect(() => metadata.set("__proto__", 1)).toThrow(expect.objectContaining({ code: "invalid-data" }));
      expect(() => metadata.set("$.a.constructor", 1)).toThrow(expect.objectContaining({ code: "invalid-data" }));
      const most = "x".repeat(262_144 - '{"a":""}'.length);
      metadata.set("a", most);
      expect(() => metadata.set("b", 1)).toThrow(
        expect.objectContaining({ code: "too-large", limitBytes: 262_144, actualBytes: 262_150 }),
      );
      expect(metadata.current()).toEqual({ a: most });
      expect(() => metadata.parent.set("a", `${most}xxxxxxxx`)).toThrow(/too large/);
      expect(() => metadata.replace({ a: "é".repeat(131_069) })).toThrow(/262146 bytes/);
    });
  });

  it("stands for its parent and its root where it has none", () => {
    inside(() => {
      metadata.parent.increment("n", 2);
      metadata.root.decrement("n").append("list", 1).remove("list", 1).update({ n: 5, list: [] }).del("list");
      expect(metadata.current()).toEqual({ n: 5 });
    });
  });

  it("reads what others have written", async () => {
    inside(() => metadata.set("mine", 1));
    const read = inside(() => metadata.refresh());
    const request = await next();
    expect(request.method).toBe("GET");
    request.answer(200, { metadata: '{"theirs":2}', metadataType: "application/json" });
    await read;
    expect(inside(() => metadata.current())).toEqual({ theirs: 2, mine: 1 });
  });

  it("asks what became of a write without an answer, and does not do it twice", async () => {
    const said = vi.spyOn(console, "warn").mockImplementation(() => {});
    inside(() => metadata.append("list", 1));
    const flushed = inside(() => metadata.flush());
    (await next()).answer(500, { error: "x" });
    const question = await next();
    expect(question.method).toBe("GET");
    question.answer(200, { metadata: '{"list":[1]}', metadataType: "application/json" });
    await flushed;
    expect(inside(() => metadata.get("list"))).toEqual([1]);
    expect(said).not.toHaveBeenCalled();
    await run.end();
    expect(asked).toHaveLength(0);
  }, 10_000);

  it("does nothing outside of a run, and says so once", async () => {
    const said = vi.spyOn(console, "warn").mockImplementation(() => {});
    expect(metadata.set("a", 1).append("b", 2).parent.increment("c")).toBe(metadata.parent);
    expect([metadata.get("a"), metadata.current()]).toEqual([undefined, undefined]);
    await metadata.flush();
    await metadata.refresh();
    const source = (async function* () {})();
    expect(await metadata.stream("s", source)).toBe(source);
    await expect(metadata.fetchStream("s")).rejects.toMatchObject({ code: "invalid-options" });
    expect(said).toHaveBeenCalledTimes(1);
    expect(piped).toEqual([]);
  });

  it("writes and reads streams of its runs", async () => {
    const source = (async function* () {})();
    await inside(() => metadata.stream("s", source));
    await inside(() => metadata.parent.stream("s", source));
    expect(piped).toEqual([
      ["s", { target: "self" }],
      ["s", { target: "parent" }],
    ]);
    expect(await inside(() => metadata.fetchStream("s"))).toEqual(["run_1", "s", {}]);
  });
});
