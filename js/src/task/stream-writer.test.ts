import { afterEach, describe, expect, it, vi } from "vitest";
import type { Mishap } from "../testing/log-server.js";
import { count, logForEach, runAt, upTo } from "../testing/log-test.js";
import { noRejectionsAreLeft } from "../testing/rejections.js";
import { inRun } from "./run-context.js";
import { streams } from "./streams.js";

const steps = streams.define<unknown>({ id: "steps" });

describe.each([
  ["lines posted to the API", false],
  ["records appended at S2", true],
])("%s", (_, s2) => {
  noRejectionsAreLeft();
  const log = logForEach({ s2 }, { parentRunId: "run_parent", rootRunId: "run_root" });
  const { inside } = log;
  const writes = () =>
    log.server.requests.filter(({ method, path }) => method === "POST" && path.startsWith("/s2/") === s2);
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("append writes JSON, in the order of the calls, and resolves when it is there", async () => {
    await inside(() => steps.append({ step: 1 }));
    expect(log.server.dataOf("steps")).toEqual([{ step: 1 }]);
    await Promise.all(upTo(50).map((n) => inside(() => steps.append(n))));
    expect(log.server.dataOf("steps").slice(1)).toEqual(upTo(50));
    expect(writes().length).toBeLessThan(5);
    expect(log.server.requests.filter(({ method }) => method === "PUT")).toHaveLength(1);
    await expect(inside(() => steps.append(undefined))).rejects.toMatchObject({ code: "invalid-data" });
  });

  it("pipe writes what comes, and lets the task read it too", async () => {
    const { stream, waitUntilComplete } = inside(() => steps.pipe(count(5)));
    const read: unknown[] = [];
    for await (const chunk of stream) read.push(chunk);
    expect(read).toEqual(upTo(5));
    expect(await waitUntilComplete()).toEqual(s2 ? { lastEventId: "4" } : {});
    expect(log.server.dataOf("steps")).toEqual(upTo(5));
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
    expect(log.server.dataOf("steps")).toHaveLength(60);
  });

  it("takes every kind of source", async () => {
    const bare = { getReader: () => new Response("text").body?.pipeThrough(new TextDecoderStream()).getReader() };
    const sources = [[1, 2], new Set(["a"]), count(2), bare as unknown as ReadableStream<unknown>];
    for (const source of sources) await inside(() => streams.pipe(source)).waitUntilComplete();
    expect(log.server.dataOf("default")).toEqual([1, 2, "a", 0, 1, "text"]);
    expect(() => inside(() => streams.pipe(5 as never))).toThrow(/nothing to pipe/);
  });

  it("writes to the run that is meant", async () => {
    await inside(() => steps.append("self"));
    await inside(() => steps.append("parent", { target: "parent" }));
    await inside(() => steps.pipe(["root"], { target: "root" })).waitUntilComplete();
    await inside(() => steps.append("other", { target: "run_other" }));
    const runs = ["run_1", "run_parent", "run_root", "run_other"];
    expect(runs.map((name) => log.server.dataOf("steps", name))).toEqual([["self"], ["parent"], ["root"], ["other"]]);
    const orphan = runAt(log.server, "run_2");
    await inRun(orphan, () => steps.append("mine", { target: "parent" }));
    expect(log.server.dataOf("steps", "run_2")).toEqual(["mine"]);
  });

  it("the free functions name their stream, or write to the default one", async () => {
    await inside(() => streams.append("a"));
    await inside(() => streams.append("log", "b"));
    await inside(() => streams.append(new Blob(["c"]), {}));
    await inside(() => streams.pipe("log", ["d"])).waitUntilComplete();
    await inside(() => streams.writer({ execute: ({ write }) => write("e") })).waitUntilComplete();
    expect([log.server.dataOf("default"), log.server.dataOf("log")]).toEqual([
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
    expect(new Set(log.server.dataOf("steps"))).toEqual(new Set(all));
    const read: unknown[] = [];
    for await (const chunk of stream) read.push(chunk);
    expect(read).toEqual(log.server.dataOf("steps"));
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
    await log.run.end();
    expect(log.server.dataOf("steps")).toEqual([1, 1, "small", 1]);
  });

  it("a refusal ends the pipe and its source, and another can begin", async () => {
    log.server.mishaps.push(400);
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
    const before = log.server.dataOf("steps").length;
    await inside(() => steps.append("next"));
    expect(log.server.dataOf("steps").slice(before)).toEqual(["next"]);
  });

  const mishaps: Mishap[] = ["lose the answer", "lose the request", 503, 429];
  it.each(mishaps)("writes once where it comes to this: %s", async (mishap) => {
    await inside(() => steps.append("before"));
    log.server.mishaps.push(mishap, mishap === "lose the answer" ? undefined : "lose the answer");
    await Promise.all(upTo(4).map((n) => inside(() => steps.append(n))));
    expect(await inside(() => steps.pipe(["after"])).waitUntilComplete()).toEqual(s2 ? { lastEventId: "5" } : {});
    expect(log.server.dataOf("steps")).toEqual(["before", ...upTo(4), "after"]);
  });

  it.skipIf(s2)("takes the lack of an answer for none", async () => {
    log.server.silences.left = 1;
    log.server.mishaps.push("lose the request");
    await inside(() => steps.append("first"));
    expect(log.server.dataOf("steps")).toEqual(["first"]);
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
    log.server.mishaps.push(...day);
    const paced = async function* () {
      for (const n of upTo(40)) {
        yield n;
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
      }
    };
    await inside(() => steps.pipe(paced())).waitUntilComplete();
    expect(log.server.dataOf("steps")).toEqual(upTo(40));
  }, 20_000);

  it("reads no more than a few megabytes ahead", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    log.server.hooks.beforeAnswer = () => gate;
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
    expect(log.server.dataOf("steps")).toHaveLength(200);
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
    expect(log.server.dataOf("steps")).toEqual([1, 2]);
    const read: unknown[] = [];
    for await (const piece of stream) read.push(piece);
    expect(read).toEqual([1, 2]);
    await inside(() => steps.pipe([3], { signal: controller.signal })).waitUntilComplete();
    await expect(inside(() => steps.append(3, { signal: controller.signal }))).rejects.toThrow();
    expect(log.server.dataOf("steps")).toEqual([1, 2]);
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
    await vi.waitFor(() => expect(log.server.dataOf("steps")).toEqual([1]));
    const end = log.run.end();
    finish();
    await end;
    expect(log.server.dataOf("steps")).toEqual([1, 2]);
  });
});
