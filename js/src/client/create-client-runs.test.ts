import { beforeEach, describe, expect, test, vi } from "vitest";
import { fakePage } from "../testing/fake-page.js";
import { insertRun, RUN_SCHEMA as schema, updateRun } from "../testing/runs.js";
import { createClient } from "./create-client.js";
import type { RealtimeRun } from "./runs/run.js";

vi.mock("../wasm/load.js", async (original) => ({
  ...(await original<object>()),
  loadCore: (await import("../testing/fake-page.js")).loadCore,
}));

beforeEach(() => {
  fakePage.reset();
});

/** The id of the feed, or of the call, that the engine has been asked for. */
async function asked(name: "follow" | "call"): Promise<number> {
  await vi.waitFor(() => expect(fakePage.loader.engine.of(name)).toHaveLength(1));
  return fakePage.loader.engine.idsOf(name)[0] as number;
}

describe("feeds", () => {
  test("of a run end when it has finished", async () => {
    const feed = createClient({ accessToken: "t" }).run("run_1", { skipColumns: ["payload"] });
    const seen: string[] = [];
    const loop = (async () => {
      for await (const run of feed) seen.push(run.rawStatus);
    })();
    const id = await asked("follow");
    const { engine } = fakePage.loader;
    expect(engine.of("follow")).toEqual([[1, 0, "run_1", "skipColumns=payload", false]]);
    engine.rows(id, [insertRun("run_1")], { schema });
    await vi.waitFor(() => expect(seen).toEqual(["EXECUTING"]));
    engine.rows(id, [updateRun("run_1", { status: "COMPLETED_SUCCESSFULLY", completedAt: "2026-11-21T22:56:09.070" })]);
    engine.changeFeed(id, { status: "ended", endReason: "run-finished" });
    await loop;
    expect(seen).toEqual(["EXECUTING", "COMPLETED_SUCCESSFULLY"]);
    expect(engine.of("unfollow")).toEqual([[id]]);
  });

  test("throw when they fail", async () => {
    const feed = createClient({ accessToken: "t" }).run("run_1");
    const next = feed.next();
    const id = await asked("follow");
    fakePage.loader.engine.changeFeed(id, {
      status: "failed",
      endReason: "forbidden",
      error: { code: "forbidden", retryable: false, status: 403 },
    });
    await expect(next).rejects.toMatchObject({ name: "TidegateError", code: "forbidden", status: 403 });
    await expect(feed.finished()).rejects.toMatchObject({ code: "forbidden" });
  });

  test("stop when the loop is left", async () => {
    const feed = createClient({ accessToken: "t" }).runs({ tags: ["a", "b"], createdAt: "1h" });
    const next = feed.next();
    const id = await asked("follow");
    fakePage.loader.engine.rows(id, [insertRun("run_1")], { schema });
    expect((await next).value as RealtimeRun).toMatchObject({ id: "run_1" });
    await feed.return();
    expect(fakePage.loader.engine.of("follow")).toEqual([[1, 1, "a,b", "createdAt=1h", true]]);
    expect(fakePage.loader.engine.of("unfollow")).toEqual([[id]]);
  });

  test("stop by their signal, and with their client", async () => {
    const client = createClient({ accessToken: "t" });
    const controller = new AbortController();
    const one = client.batch("batch_1", { signal: controller.signal });
    await asked("follow");
    const other = client.batch("batch_2");
    controller.abort();
    client.close();
    expect([one.status, other.status]).toEqual(["ended", "ended"]);
    expect(await one.next()).toEqual({ done: true, value: undefined });
  });

  test("that are aborted from the start are never followed", async () => {
    const feed = createClient({ accessToken: "t" }).run("run_1", { signal: AbortSignal.abort() });
    expect(await feed.next()).toEqual({ done: true, value: undefined });
    await import("./runs/follow-runs.js");
    expect(fakePage.loader.loads).toBe(0);
  });

  test.each([
    [(client: ReturnType<typeof createClient>) => client.run(""), "The run id is empty"],
    [(client: ReturnType<typeof createClient>) => client.batch(7 as never), "The batch id is missing or not a string"],
  ])("are refused at once where an id is wrong (%#)", (follow, words) => {
    expect(() => follow(createClient())).toThrow(words);
  });

  test("are refused where another argument is wrong", async () => {
    const client = createClient();
    await expect(client.runs({ tags: ["a,b"] }).next()).rejects.toMatchObject({ code: "invalid-options" });
    await expect(client.runs(undefined as never).next()).rejects.toMatchObject({ code: "invalid-options" });
    await expect(client.run("run_1", { skipColumns: "payload" as never }).next()).rejects.toMatchObject({
      code: "invalid-options",
    });
    expect(fakePage.loader.loads).toBe(0);
  });
});

describe("calls", () => {
  test.each([
    ["trigger", (client: ReturnType<typeof createClient>) => client.trigger("hello", { n: 1 }), 0, "hello"],
    [
      "completeWaitToken",
      (client: ReturnType<typeof createClient>) => client.completeWaitToken("waitpoint_1", 1),
      1,
      "waitpoint_1",
    ],
    ["retrieveRun", (client: ReturnType<typeof createClient>) => client.retrieveRun("run_1"), 2, "run_1"],
    ["cancelRun", (client: ReturnType<typeof createClient>) => client.cancelRun("run_1"), 3, "run_1"],
  ] as const)("%s asks the server", async (_, call, what, name) => {
    const answer = call(createClient({ accessToken: "t" }));
    const id = await asked("call");
    expect(fakePage.loader.engine.of("call")[0]?.slice(0, 3)).toEqual([1, what, name]);
    fakePage.loader.engine.answerCall(id, { id: "run_1", success: true });
    expect(await answer).toBeTypeOf("object");
  });

  test("reject where the client has been closed", async () => {
    const client = createClient();
    client.close();
    await expect(client.trigger("hello", 1)).rejects.toMatchObject({ code: "invalid-options" });
    expect(() => client.run("run_1")).toThrow("This client has been closed");
  });
});
