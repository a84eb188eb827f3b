import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { count, logForEach, runAt, upTo } from "../testing/log-test.js";
import { inRun } from "./run-context.js";
import { streams } from "./streams.js";

const steps = streams.define<unknown>({ id: "steps" });

describe("a writer that may not count any more", () => {
  const log = logForEach({}, { number: 3 });
  const { inside } = log;

  it("says which execution of its run it is, and of which run where it writes to another", async () => {
    await inside(() => steps.append("a"));
    await inside(() => steps.append("b", { target: "run_2" }));
    const told = log.server.requests.map(({ headers }) => [headers["x-tidegate-execution"], headers["x-tidegate-run"]]);
    const own = ["3", undefined];
    const others = ["3", "run_1"];
    expect(told).toEqual([own, own, others, others]);
    log.server.mishaps.push(410);
    await expect(inside(() => steps.append("c"))).rejects.toMatchObject({ code: "aborted", status: 410 });
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
    const run = runAt({ baseURL: "https://api.test" });
    const written = inRun(run, () => steps.append("a")).catch((error) => error);
    await vi.runAllTimersAsync();
    expect(await written).toMatchObject({ code: "blocked", outcome: "rejected" });
    expect(new Set(asked)).toEqual(new Set(["PUT", "POST"]));
  });
});

describe("outside of a task", () => {
  const log = logForEach();
  beforeEach(() => {
    vi.stubEnv("TRIGGER_SECRET_KEY", "tr_dev_test");
    vi.stubEnv("TRIGGER_API_URL", log.server.baseURL);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it("keeps the order of the calls", async () => {
    const target = "run_9";
    const piped = steps.pipe(
      count(3, (n) => `piped ${n}`),
      { target },
    );
    await Promise.all(upTo(20).map((n) => steps.append(n, { target })));
    await piped.waitUntilComplete();
    const written = log.server.dataOf("steps", target);
    expect(written.filter((value) => typeof value === "number")).toEqual(upTo(20));
    expect(written).toHaveLength(23);
    const creations = () => log.server.requests.filter(({ method }) => method === "PUT").length;
    expect(creations()).toBe(1);
    await steps.append("later", { target });
    expect(creations()).toBe(2);
  });

  it("writes to the run that is named", async () => {
    await steps.append("a", { target: "run_9" });
    await streams.pipe(["b"], { target: "run_9" }).waitUntilComplete();
    expect([log.server.dataOf("steps", "run_9"), log.server.dataOf("default", "run_9")]).toEqual([["a"], ["b"]]);
    await expect(steps.append("a")).rejects.toMatchObject({ code: "invalid-options" });
  });
});
