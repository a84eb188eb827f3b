import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createClient } from "./index.js";
import { type Backend, createBackend } from "./server.js";
import { inRun } from "./task/run-context.js";
import { type Serving, serve, streams, task } from "./task.js";
import { hasDevServer, startDevServer } from "./testing/dev-server.js";
import { FakeRun } from "./testing/fake-run.js";

const built = existsSync(new URL("./wasm/generated/task/tidegate.js", import.meta.url));
if (!hasDevServer || !built) {
  console.warn(
    "integration-task-streams.test.ts is skipped: there is no development server (cargo build) or no core (make build)",
  );
}

const secretKey = "tr_dev_integration";
const notes = streams.input<{ from: string }>({ id: "notes" });
const log = streams.define<unknown>({ id: "log" });

describe.skipIf(!hasDevServer || !built)("inside of a task, with the real development server", () => {
  let server: Awaited<ReturnType<typeof startDevServer>>;
  let backend: Backend;
  let token: string;
  let run: FakeRun;
  const inside = <Result>(call: () => Result) => inRun(run, call);
  const start = async () => {
    const handle = await backend.trigger("approval", { topic: "tea" });
    token = handle.publicAccessToken;
    return new FakeRun({ baseURL: server.baseURL, secretKey }, handle.id);
  };

  beforeAll(async () => {
    server = await startDevServer(secretKey);
    backend = createBackend({ secretKey, baseURL: server.baseURL });
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    run = await start();
  });
  afterEach(() => run.end());

  it("takes what a page, a backend and another run send", async () => {
    const page = createClient({ accessToken: token, baseURL: server.baseURL });
    await page.send(run.runId, "notes", { from: "a page" });
    const heard: unknown[] = [];
    expect(await inside(() => notes.once())).toEqual({ ok: true, output: { from: "a page" } });
    const { off } = inside(() => notes.on(({ from }) => void heard.push(from)));
    await backend.streams.input("notes").send(run.runId, { from: "a backend" });
    const other = await start();
    const both = inside(() => [notes.once().unwrap(), notes.once().unwrap()]);
    await inRun(other, () => notes.send(run.runId, { from: "another run" }));
    await inRun(other, () => notes.send(run.runId, { from: "it again" }));
    const later = (await Promise.all(both)).map((output) => output?.from);
    await new Promise<void>((resolve) => {
      inside(() => notes.on(({ from }) => (from === "the end" ? resolve() : undefined)));
      void page.send(run.runId, "notes", { from: "the end" });
    });
    expect(heard).toEqual(["a backend", "another run", "it again", "the end"]);
    expect(heard.slice(0, 3)).toEqual(expect.arrayContaining(later));
    off();
    page.close();
    await other.end();
  });

  it("pages read what it writes, and so does another task, up to the end of the run", async () => {
    const client = createClient({ accessToken: token, baseURL: server.baseURL });
    const page = client.stream(run.runId, "log");
    const reader = await start();
    const read = await inRun(reader, () => log.read(run.runId, { startIndex: 1 }));

    await inside(() => log.append({ step: 0 }));
    const words = async function* () {
      for (const word of ["one ", "two ", "three"]) yield word;
    };
    await inside(() => log.pipe(words())).waitUntilComplete();
    await inside(() => log.writer({ execute: ({ write }) => write(["last"]) })).waitUntilComplete();
    const all: unknown[] = [{ step: 0 }, "one ", "two ", "three", ["last"]];
    for (const part of all) expect(await page.next()).toEqual({ done: false, value: part });
    await backend.runs.cancel(run.runId);
    const rest: unknown[] = [];
    for await (const part of read) rest.push(part);
    expect(rest).toEqual(all.slice(1));
    const late = inside(() => log.append("late"));
    // S2 does not know of runs: what a task writes there itself is taken as long as its token is good.
    if (process.env.TIDEGATE_STREAMS === "s2") await late;
    else await expect(late).rejects.toMatchObject({ code: "run-finished" });
    client.close();
    await reader.end();
  }, 20_000);

  it("writes a long stream whole and in order", async () => {
    const lines = Array.from({ length: 3_000 }, (_, n) => ({ n, text: "x".repeat(n % 700) }));
    const { waitUntilComplete } = inside(() => log.pipe(lines));
    await waitUntilComplete();
    const client = createClient({ accessToken: token, baseURL: server.baseURL });
    const read: unknown[] = [];
    for await (const part of client.stream(run.runId, "log")) {
      read.push(part);
      if (read.length === lines.length) break;
    }
    expect(read).toEqual(lines);
    client.close();
  });
});

/** What a task does with its input, in every way there is. */
const order = task({
  id: "order-notes",
  run: async (_: unknown) => {
    const asleep = await notes.wait({ timeout: "1h" }).unwrap();
    await log.append("asleep");
    const awake = await notes.once().unwrap();
    await log.append("awake");
    const heard: string[] = [];
    // Those that wait are heard within this call, so that there is nothing to call off() on yet.
    let two = () => {};
    const both = new Promise<void>((resolve) => {
      two = resolve;
    });
    const { off } = notes.on(({ from }) => {
      heard.push(from);
      if (heard.length === 2) two();
    });
    await both;
    off();
    await log.append("heard");
    const again = await notes.wait().unwrap();
    return { asleep, awake, heard, again, peeked: notes.peek() ?? null };
  },
});
const sender = task({
  id: "send-notes",
  run: async (to: string) => notes.send(to, { from: "another task" }),
});

describe.skipIf(!hasDevServer || !built)("a task at the real development server", () => {
  let server: Awaited<ReturnType<typeof startDevServer>>;
  let backend: Backend;
  let serving: Serving;
  const work = () => serve({ tasks: [order, sender], secretKey, baseURL: server.baseURL, log: () => {} });

  beforeAll(async () => {
    server = await startDevServer(secretKey);
    backend = createBackend({ secretKey, baseURL: server.baseURL });
    serving = await work();
  });
  afterAll(async () => {
    await serving.stop();
    await server.stop();
  });

  const follow = async () => {
    const { id, publicAccessToken } = await backend.trigger("order-notes", {});
    const page = createClient({ accessToken: publicAccessToken, baseURL: server.baseURL });
    const sleeping = async () => {
      for await (const run of page.run(id)) if (run.status === "WAITING") return;
    };
    return { id, page, sleeping };
  };

  it("is driven by a page, a backend and another task", async () => {
    const { id, page, sleeping } = await follow();
    const steps = page.stream(id, "log");
    await sleeping();
    await page.send(id, "notes", { from: "a page" });
    expect((await steps.next()).value).toBe("asleep");
    await backend.streams.input("notes").send(id, { from: "a backend" });
    expect((await steps.next()).value).toBe("awake");
    await backend.trigger("send-notes", id);
    await backend.trigger("send-notes", id);
    expect((await steps.next()).value).toBe("heard");
    await sleeping();
    await page.send(id, "notes", { from: "a page again" });
    expect((await page.run(id).finished()).output).toEqual({
      asleep: { from: "a page" },
      awake: { from: "a backend" },
      heard: ["another task", "another task"],
      again: { from: "a page again" },
      peeked: null,
    });
    page.close();
  }, 30_000);

  it("takes what was sent before it began, each once", async () => {
    await serving.stop();
    const { id, page, sleeping } = await follow();
    for (const from of ["1", "2", "3", "4"]) await page.send(id, "notes", { from });
    serving = await work();
    const steps = page.stream(id, "log");
    for (const step of ["asleep", "awake", "heard"]) expect((await steps.next()).value).toBe(step);
    await sleeping();
    await page.send(id, "notes", { from: "5" });
    expect((await page.run(id).finished()).output).toEqual({
      asleep: { from: "1" },
      awake: { from: "2" },
      heard: ["3", "4"],
      again: { from: "5" },
      peeked: null,
    });
    page.close();
  }, 30_000);

  it("survives its worker: it starts from the top and takes the same again", async () => {
    const { id, page, sleeping } = await follow();
    await sleeping();
    for (const from of ["1", "2", "3", "4"]) await page.send(id, "notes", { from });
    const steps = page.stream(id, "log");
    for (const step of ["asleep", "awake", "heard"]) expect((await steps.next()).value).toBe(step);
    await sleeping();
    await serving.stop();
    serving = await work();
    // Its handler could hear this one now, since the log has it already: it is the second wait's.
    await page.send(id, "notes", { from: "5" });
    for (const step of ["asleep", "awake", "heard"]) expect((await steps.next()).value).toBe(step);
    expect((await page.run(id).finished()).output).toEqual({
      asleep: { from: "1" },
      awake: { from: "2" },
      heard: ["3", "4"],
      again: { from: "5" },
      peeked: null,
    });
    page.close();
  }, 30_000);
});
