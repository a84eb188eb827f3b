import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeRun } from "../testing/fake-run.js";
import { type Mishap, startLogServer } from "../testing/log-server.js";
import { inRun } from "./run-context.js";
import { streams } from "./streams.js";

const steps = streams.define<unknown>({ id: "steps" });

async function* count(to: number, of: (n: number) => unknown = (n) => n) {
  for (let n = 0; n < to; n += 1) yield of(n);
}

const upTo = (to: number) => Array.from({ length: to }, (_, n) => n);

describe.each([
  ["lines posted to the API", false],
  ["records appended at S2", true],
])("%s", (_, s2) => {
  let server: Awaited<ReturnType<typeof startLogServer>>;
  let run: FakeRun;
  const inside = <Result>(call: () => Result) => inRun(run, call);
  const writes = () =>
    server.requests.filter(({ method, path }) => method === "POST" && path.startsWith("/s2/") === s2);
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => rejections.push(reason);

  beforeEach(async () => {
    server = await startLogServer({ s2 });
    const family = { parentRunId: "run_parent", rootRunId: "run_root" };
    run = new FakeRun({ baseURL: server.baseURL, secretKey: "tr_dev_test" }, "run_1", family);
    rejections.length = 0;
    process.on("unhandledRejection", onRejection);
  });
  afterEach(async () => {
    await server.stop();
    process.off("unhandledRejection", onRejection);
    vi.restoreAllMocks();
    expect(rejections).toEqual([]);
  });

  it("append writes JSON, in the order of the calls, and resolves when it is there", async () => {
    await inside(() => steps.append({ step: 1 }));
    expect(server.dataOf("steps")).toEqual([{ step: 1 }]);
    await Promise.all(upTo(50).map((n) => inside(() => steps.append(n))));
    expect(server.dataOf("steps").slice(1)).toEqual(upTo(50));
    expect(writes().length).toBeLessThan(5);
    expect(server.requests.filter(({ method }) => method === "PUT")).toHaveLength(1);
    await expect(inside(() => steps.append(undefined))).rejects.toMatchObject({ code: "invalid-data" });
  });

  it("pipe writes what comes, and lets the task read it too", async () => {
    const { stream, waitUntilComplete } = inside(() => steps.pipe(count(5)));
    const read: unknown[] = [];
    for await (const chunk of stream) read.push(chunk);
    expect(read).toEqual(upTo(5));
    expect(await waitUntilComplete()).toEqual(s2 ? { lastEventId: "4" } : {});
    expect(server.dataOf("steps")).toEqual(upTo(5));
  });

  it("twenty pipes at once wait for the end of one run, and nothing is taken for a leak", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const written = upTo(20).map((n) => inside(() => steps.pipe(count(3, () => n))).waitUntilComplete());
    await Promise.all(written);
    // They are told of in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    expect(server.dataOf("steps")).toHaveLength(60);
  });

  it("takes every kind of source", async () => {
    const bare = { getReader: () => new Response("text").body?.pipeThrough(new TextDecoderStream()).getReader() };
    const sources = [[1, 2], new Set(["a"]), count(2), bare as unknown as ReadableStream<unknown>];
    for (const source of sources) await inside(() => streams.pipe(source)).waitUntilComplete();
    expect(server.dataOf("default")).toEqual([1, 2, "a", 0, 1, "text"]);
    expect(() => inside(() => streams.pipe(5 as never))).toThrow(/nothing to pipe/);
  });

  it("writes to the run that is meant", async () => {
    await inside(() => steps.append("self"));
    await inside(() => steps.append("parent", { target: "parent" }));
    await inside(() => steps.pipe(["root"], { target: "root" })).waitUntilComplete();
    await inside(() => steps.append("other", { target: "run_other" }));
    const runs = ["run_1", "run_parent", "run_root", "run_other"];
    expect(runs.map((name) => server.dataOf("steps", name))).toEqual([["self"], ["parent"], ["root"], ["other"]]);
    const orphan = new FakeRun({ baseURL: server.baseURL, secretKey: "tr_dev_test" }, "run_2");
    await inRun(orphan, () => steps.append("mine", { target: "parent" }));
    expect(server.dataOf("steps", "run_2")).toEqual(["mine"]);
  });

  it("the free functions name their stream, or write to the default one", async () => {
    await inside(() => streams.append("a"));
    await inside(() => streams.append("log", "b"));
    await inside(() => streams.append(new Blob(["c"]), {}));
    await inside(() => streams.pipe("log", ["d"])).waitUntilComplete();
    await inside(() => streams.writer({ execute: ({ write }) => write("e") })).waitUntilComplete();
    expect([server.dataOf("default"), server.dataOf("log")]).toEqual([
      ["a", "c", "e"],
      ["b", "d"],
    ]);
  });

  it("a writer writes, and merges what others write", async () => {
    const { stream, waitUntilComplete } = inside(() =>
      steps.writer({
        async execute({ write, merge }) {
          write("first");
          merge(count(3));
          await null;
          merge(new Response("last").body?.pipeThrough(new TextDecoderStream()) as ReadableStream<string>);
        },
      }),
    );
    await waitUntilComplete();
    const all = ["first", 0, 1, 2, "last"];
    expect(new Set(server.dataOf("steps"))).toEqual(new Set(all));
    const read: unknown[] = [];
    for await (const chunk of stream) read.push(chunk);
    expect(read).toEqual(server.dataOf("steps"));
  });

  it("what fails is told by waitUntilComplete, and only there", async () => {
    const failing = async function* () {
      yield 1;
      throw new Error("the source");
    };
    const piped = inside(() => steps.pipe(failing()));
    await expect(piped.waitUntilComplete()).rejects.toThrow("the source");
    await expect(piped.stream.getReader().read()).resolves.toMatchObject({ value: 1 });
    const execute = () => Promise.reject(new Error("execute"));
    await expect(inside(() => steps.writer({ execute })).waitUntilComplete()).rejects.toThrow("execute");
    const merging = inside(() => steps.writer({ execute: ({ merge }) => merge(failing()) }));
    await expect(merging.waitUntilComplete()).rejects.toThrow("the source");
    const large = inside(() => steps.pipe(["small", "x".repeat(2 ** 20)]));
    await expect(large.waitUntilComplete()).rejects.toMatchObject({ code: "too-large", limitBytes: 2 ** 20 - 8 });
    inside(() => steps.pipe(failing())); // Nobody waits for it.
    await run.end();
    expect(server.dataOf("steps")).toEqual([1, 1, "small", 1]);
  });

  it("a refusal ends the pipe and its source, and another can begin", async () => {
    server.mishaps.push(400);
    let released = false;
    const endless = async function* () {
      try {
        for (;;) yield 1;
      } finally {
        released = true;
      }
    };
    const { waitUntilComplete } = inside(() => steps.pipe(endless()));
    await expect(waitUntilComplete()).rejects.toMatchObject({ status: 400, outcome: "rejected" });
    await vi.waitFor(() => expect(released).toBe(true));
    const before = server.dataOf("steps").length;
    await inside(() => steps.append("next"));
    expect(server.dataOf("steps").slice(before)).toEqual(["next"]);
  });

  const mishaps: Mishap[] = ["lose the answer", "lose the request", 503, 429];
  it.each(mishaps)("writes once where it comes to this: %s", async (mishap) => {
    await inside(() => steps.append("before"));
    server.mishaps.push(mishap, mishap === "lose the answer" ? undefined : "lose the answer");
    await Promise.all(upTo(4).map((n) => inside(() => steps.append(n))));
    expect(await inside(() => steps.pipe(["after"])).waitUntilComplete()).toEqual(s2 ? { lastEventId: "5" } : {});
    expect(server.dataOf("steps")).toEqual(["before", ...upTo(4), "after"]);
  });

  it.skipIf(s2)("takes the lack of an answer for none", async () => {
    server.silences.left = 1;
    server.mishaps.push("lose the request");
    await inside(() => steps.append("first"));
    expect(server.dataOf("steps")).toEqual(["first"]);
  });

  it("writes everything once on a bad day", async () => {
    const day: (Mishap | undefined)[] = [
      "lose the answer",
      undefined,
      503,
      "lose the request",
      undefined,
      "lose the answer",
    ];
    server.mishaps.push(...day);
    const paced = async function* () {
      for (const n of upTo(40)) {
        yield n;
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    await inside(() => steps.pipe(paced())).waitUntilComplete();
    expect(server.dataOf("steps")).toEqual(upTo(40));
  }, 20_000);

  it("reads no more than a few megabytes ahead", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    server.hooks.beforeAnswer = () => gate;
    let taken = 0;
    const chunk = "x".repeat(100_000);
    const source = async function* () {
      for (; taken < 200; taken += 1) yield chunk;
    };
    const { waitUntilComplete } = inside(() => steps.pipe(source()));
    await vi.waitFor(() => expect(writes().length).toBe(1));
    await vi.waitFor(() => expect(taken).toBeGreaterThan(15));
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBeLessThan(40);
    open();
    await waitUntilComplete();
    expect(server.dataOf("steps")).toHaveLength(200);
  });

  it("a signal stops the source; what has been read is written", async () => {
    const controller = new AbortController();
    const source = async function* () {
      yield 1;
      yield 2;
      controller.abort();
      await new Promise(() => {});
    };
    const { stream, waitUntilComplete } = inside(() => steps.pipe(source(), { signal: controller.signal }));
    await waitUntilComplete();
    expect(server.dataOf("steps")).toEqual([1, 2]);
    const read: unknown[] = [];
    for await (const piece of stream) read.push(piece);
    expect(read).toEqual([1, 2]);
    await inside(() => steps.pipe([3], { signal: controller.signal })).waitUntilComplete();
    await expect(inside(() => steps.append(3, { signal: controller.signal }))).rejects.toThrow();
    expect(server.dataOf("steps")).toEqual([1, 2]);
  });

  it("the end of a run waits for what is being written", async () => {
    let finish = () => {};
    const source = async function* () {
      yield 1;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      yield 2;
    };
    inside(() => steps.pipe(source()));
    await vi.waitFor(() => expect(server.dataOf("steps")).toEqual([1]));
    const end = run.end();
    finish();
    await end;
    expect(server.dataOf("steps")).toEqual([1, 2]);
  });
});

describe("S2", () => {
  let server: Awaited<ReturnType<typeof startLogServer>>;
  let run: FakeRun;
  beforeEach(async () => {
    server = await startLogServer({ s2: true });
    run = new FakeRun({ baseURL: server.baseURL, secretKey: "tr_dev_test" });
  });
  afterEach(() => server.stop());

  it("shares a log with others, and doubles nothing of its own", async () => {
    const name = "/runs/run_1/steps";
    server.log(name).push({ data: "theirs", id: "t0" });
    await inRun(run, () => steps.append("a"));
    // Others write, as much as was lost, so that the length of the log says nothing.
    server.mishaps.push("lose the request");
    let writes = 0;
    server.hooks.beforeWrite = () => {
      writes += 1;
      if (writes === 2) server.log(name).push({ data: "theirs", id: "t1" });
    };
    await inRun(run, () => steps.append("b"));
    server.mishaps.push("lose the answer");
    writes = 0;
    server.hooks.beforeWrite = () => {
      writes += 1;
      if (writes === 2) server.log(name).push({ data: "theirs", id: "t2" });
    };
    const { waitUntilComplete } = inRun(run, () => steps.pipe(["c"]));
    expect(await waitUntilComplete()).toEqual({ lastEventId: "4" });
    await inRun(run, () => steps.append("d"));
    expect(server.dataOf("steps")).toEqual(["theirs", "a", "theirs", "b", "c", "theirs", "d"]);
  });

  it("asks for another token when the one it was lent has run out", async () => {
    await inRun(run, () => steps.append("a"));
    server.revoke();
    await inRun(run, () => steps.append("b"));
    expect(server.dataOf("steps")).toEqual(["a", "b"]);
    const { headers, body } = server.requests.find(({ path }) => path.startsWith("/s2/")) ?? {};
    expect(headers).toMatchObject({ "s2-format": "raw", "s2-basin": "basin", authorization: "Bearer s2-token-1" });
    expect(JSON.parse(body ?? "")).toEqual({
      records: [{ body: expect.stringMatching(/^\{"data":"a","id":"[0-9a-f-]+"\}$/) }],
      match_seq_num: 0,
    });
  });
});

describe("a writer that may not count any more", () => {
  it("says which execution of its run it is, and of which run where it writes to another", async () => {
    const server = await startLogServer();
    const run = new FakeRun({ baseURL: server.baseURL, secretKey: "tr_dev_test" }, "run_1", { number: 3 });
    await inRun(run, () => steps.append("a"));
    await inRun(run, () => steps.append("b", { target: "run_2" }));
    const told = server.requests.map(({ headers }) => [headers["x-tidegate-execution"], headers["x-tidegate-run"]]);
    const own = ["3", undefined];
    const others = ["3", "run_1"];
    expect(told).toEqual([own, own, others, others]);
    server.mishaps.push(410);
    await expect(inRun(run, () => steps.append("c"))).rejects.toMatchObject({ code: "aborted", status: 410 });
    await server.stop();
  });
});

describe("a server that is not there", () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("has taken nothing, and is not asked what it has", async () => {
    vi.useFakeTimers();
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (_: string, { method = "GET" }: RequestInit) => {
      asked.push(method);
      if (method === "PUT") return Response.json({ version: "v2" });
      throw new TypeError("fetch failed", { cause: { code: "ECONNREFUSED" } });
    });
    const run = new FakeRun({ baseURL: "https://api.test", secretKey: "tr_dev_test" });
    const written = inRun(run, () => steps.append("a")).catch((error) => error);
    await vi.runAllTimersAsync();
    expect(await written).toMatchObject({ code: "blocked", outcome: "rejected" });
    expect(new Set(asked)).toEqual(new Set(["PUT", "POST"]));
  });
});

describe("outside of a task", () => {
  it("keeps the order of the calls", async () => {
    const server = await startLogServer();
    vi.stubEnv("TRIGGER_SECRET_KEY", "tr_dev_test");
    vi.stubEnv("TRIGGER_API_URL", server.baseURL);
    const target = "run_9";
    const piped = steps.pipe(
      count(3, (n) => `piped ${n}`),
      { target },
    );
    await Promise.all(upTo(20).map((n) => steps.append(n, { target })));
    await piped.waitUntilComplete();
    const written = server.dataOf("steps", target);
    expect(written.filter((value) => typeof value === "number")).toEqual(upTo(20));
    expect(written).toHaveLength(23);
    const creations = () => server.requests.filter(({ method }) => method === "PUT").length;
    expect(creations()).toBe(1);
    await steps.append("later", { target });
    expect(creations()).toBe(2);
    vi.unstubAllEnvs();
    await server.stop();
  });

  it("writes to the run that is named", async () => {
    const server = await startLogServer();
    vi.stubEnv("TRIGGER_SECRET_KEY", "tr_dev_test");
    vi.stubEnv("TRIGGER_API_URL", server.baseURL);
    await steps.append("a", { target: "run_9" });
    await streams.pipe(["b"], { target: "run_9" }).waitUntilComplete();
    expect([server.dataOf("steps", "run_9"), server.dataOf("default", "run_9")]).toEqual([["a"], ["b"]]);
    await expect(steps.append("a")).rejects.toMatchObject({ code: "invalid-options" });
    vi.unstubAllEnvs();
    await server.stop();
  });
});
