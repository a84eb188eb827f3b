import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Backend, createBackend } from "./server.js";
import { serve, task } from "./task.js";
import { hasDevServer, startDevServer } from "./testing/dev-server.js";
import { Workers } from "./testing/workers.js";

if (!hasDevServer) console.warn("integration-task.test.ts is skipped: there is no development server (cargo build)");

const secretKey = "tr_dev_integration";
const headers = { authorization: `Bearer ${secretKey}` };

describe.skipIf(!hasDevServer)("worker processes at the real development server", { timeout: 60_000 }, () => {
  const workers = new Workers();
  let folder: string;
  let port = "0";
  let server: Awaited<ReturnType<typeof startDevServer>>;
  let backend: Backend;

  const startServer = async () => {
    const data = ["--port", port, "--data", join(folder, "dev.db"), "--worker-silence-ms", "4000"];
    server = await startDevServer(secretKey, data);
    port = new URL(server.baseURL).port;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidegate-tasks-"));
    await startServer();
    backend = createBackend({ secretKey, baseURL: server.baseURL });
  });
  afterEach(() => workers.end());
  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });

  const worker = () => workers.start(server.baseURL, secretKey);
  const until = async (id: string, isSo: (run: Awaited<ReturnType<Backend["runs"]["retrieve"]>>) => boolean) => {
    const feed = `${server.baseURL}/realtime/v1/runs/${id}`;
    for (let query = "?offset=-1"; ; ) {
      const changed = await fetch(feed + query, { headers });
      await changed.text();
      const run = await backend.runs.retrieve(id);
      if (isSo(run)) return run;
      query = `?live=true&offset=${changed.headers.get("electric-offset")}&handle=${changed.headers.get("electric-handle")}`;
    }
  };
  const ended = (id: string) => until(id, (run) => run.finishedAt !== undefined);
  const waiting = (id: string, had?: number) =>
    until(id, ({ status, metadata }) => status === "WAITING" && metadata?.had === had);
  const send = (id: string, number: number) => backend.streams.input("numbers").send(id, number);

  it("a run says what was thrown, also nothing, and that it took too long", async () => {
    const retry = { maxAttempts: 1 };
    const nothing = task({ id: "nothing", retry, run: () => Promise.reject(undefined) });
    const slow = task({ id: "slow", maxDuration: 1, run: () => new Promise(() => {}) });
    const serving = await serve({ tasks: [nothing, slow], secretKey, baseURL: server.baseURL, log: () => {} });
    const [one, other] = await Promise.all([backend.trigger("nothing", null), backend.trigger("slow", null)]);
    const message = "The task threw undefined, which is no Error.";
    expect(await ended(one.id)).toMatchObject({ status: "FAILED", error: { message } });
    const late = expect.stringMatching(/MAX_DURATION_EXCEEDED.*The run took longer than its maxDuration of 1 s/);
    expect(await ended(other.id)).toMatchObject({ status: "TIMED_OUT", error: { message: late } });
    await serving.stop();
  });

  it("the server says once of a task that nobody serves that a run waits for it", async () => {
    const serving = await serve({
      tasks: [task({ id: "report", run: () => 1 })],
      ...{ secretKey, baseURL: server.baseURL, log: () => {} },
    });
    const ids: string[] = [];
    for (const name of ["reprot", "reprot", "report"]) ids.push((await backend.trigger(name, null)).id);
    await ended(ids[2] as string);
    await backend.trigger("last", null);
    await vi.waitFor(() => expect(server.printed()).toContain('"last"'));
    const lines = server.printed().split("\n");
    expect(lines[0]).toContain(server.baseURL);
    const about = lines.filter((line) => line.includes("waits for a worker that serves") && !line.includes('"last"'));
    const served = /served are: approval, chat, gate, progress, report, story$/;
    expect(about.filter((line) => line.includes("report"))).toEqual([expect.stringMatching(served)]);
    expect(about.at(-1)).toContain(`${ids[0]} waits for a worker that serves "reprot"`);
    await serving.stop();
  });

  it("a value keeps its types from the trigger to the task", async () => {
    const year = task({ id: "year", run: ({ at }: { at: Date }) => at.getUTCFullYear() });
    const serving = await serve({ tasks: [year], secretKey, baseURL: server.baseURL, log: () => {} });
    const { id } = await backend.trigger<typeof year>("year", { at: new Date(0) });
    expect(await ended(id)).toMatchObject({ status: "COMPLETED", output: 1970, attemptCount: 1 });
    await serving.stop();
  });

  it("a run that waits goes on after its worker was killed", async () => {
    const first = await worker();
    const { id } = await backend.trigger("sum", null);
    await send(id, 1);
    await waiting(id, 1);
    await first.stop("SIGKILL");
    await send(id, 20);
    const second = await worker();
    await waiting(id, 2);
    await send(id, 300);
    const output = { total: 321, last: 2, attempt: 1, worker: second.pid };
    expect(await ended(id)).toMatchObject({ status: "COMPLETED", output, attemptCount: 1 });
    await second.stop("SIGTERM");
  });

  it("a run that executes gets another attempt when its worker was killed", async () => {
    const first = await worker();
    const { id } = await backend.trigger("busy", { hangs: 1 });
    await until(id, (run) => run.status === "EXECUTING");
    await first.stop("SIGKILL");
    const second = await worker();
    const output = { attempt: 2, worker: second.pid };
    expect(await ended(id)).toMatchObject({ status: "COMPLETED", output, attemptCount: 2 });
    await second.stop("SIGTERM");
  });

  it("a worker outlives its server, and keeps what it holds", async () => {
    const only = await worker();
    const { id } = await backend.trigger("sum", null);
    await send(id, 1);
    const { id: hanging } = await backend.trigger("busy", { hangs: 1 });
    await waiting(id, 1);
    await until(hanging, (run) => run.status === "EXECUTING");
    await server.stop("SIGKILL");
    await startServer();
    await send(id, 20);
    await waiting(id, 2);
    await send(id, 300);
    expect((await ended(id)).output).toEqual({ total: 321, last: 2, attempt: 1, worker: only.pid });
    await backend.runs.cancel(hanging);
    expect(await ended(hanging)).toMatchObject({ status: "CANCELED", attemptCount: 1 });
    expect(await only.stop("SIGTERM")).toBe(0);
  });

  it("server and worker may both be killed while runs wait", async () => {
    const first = await worker();
    const runs = await Promise.all(Array.from({ length: 30 }, () => backend.trigger("sum", null)));
    await Promise.all(runs.map(({ id }) => send(id, 1)));
    await Promise.all(runs.map(({ id }) => waiting(id, 1)));
    await Promise.all([first.stop("SIGKILL"), server.stop("SIGKILL")]);
    await startServer();
    await Promise.all(runs.map(({ id }) => send(id, 20)));
    const second = await worker();
    await Promise.all(runs.map(({ id }) => send(id, 300)));
    const all = await Promise.all(runs.map(({ id }) => ended(id)));
    expect(all.map(({ output }) => output)).toEqual(
      runs.map(() => ({ total: 321, last: 2, attempt: 1, worker: second.pid })),
    );
    await second.stop("SIGTERM");
  });

  it("what fails is tried again, and at last keeps its error", async () => {
    const only = await worker();
    const { id } = await backend.trigger("busy", { fails: 2 });
    expect(await ended(id)).toMatchObject({ status: "COMPLETED", attemptCount: 3, output: { attempt: 3 } });
    const { id: failing } = await backend.trigger("busy", { fails: 9 });
    const error = { name: "RangeError", message: "attempt 3 fails", stackTrace: expect.stringMatching(/^RangeError/) };
    expect(await ended(failing)).toMatchObject({ status: "FAILED", attemptCount: 3, error });
    const { id: once } = await backend.trigger("busy", { fails: 9 }, { maxAttempts: 1 });
    expect(await ended(once)).toMatchObject({ status: "FAILED", attemptCount: 1 });
    await only.stop("SIGTERM");
  });

  it("a run waits for the token that it made before its worker was stopped, and has a child", async () => {
    const first = await worker();
    const { id } = await backend.trigger("gated", undefined);
    await waiting(id);
    const list = () => fetch(`${server.baseURL}/api/v1/waitpoints/tokens?filter[tags]=gate`, { headers });
    const tokens = async () => ((await (await list()).json()) as { data: { id: string }[] }).data;
    const [token] = await tokens();
    expect(await first.stop("SIGTERM")).toBe(0);
    await backend.wait.completeToken(token?.id ?? "", "open");
    const second = await worker();
    const run = await ended(id);
    const { child, answer } = run.output as { child: string; answer: string };
    expect(answer).toBe("open");
    expect(await tokens()).toHaveLength(1);
    expect((await backend.runs.retrieve(child)).relatedRuns).toMatchObject({ parent: { id }, root: { id } });
    expect((await backend.runs.retrieve(id)).relatedRuns.children).toMatchObject([{ id: child }]);
    await second.stop("SIGTERM");
  });

  it("who cannot be served is told why", async () => {
    const tasks = [task({ id: "year", run: () => 1 })];
    const log = () => {};
    const wrong = serve({ tasks, secretKey: "tr_dev_other", baseURL: server.baseURL, log });
    await expect(wrong).rejects.toMatchObject({ code: "unauthorized" });
    const nobody = serve({ tasks, secretKey, baseURL: "http://127.0.0.1:1", log });
    await expect(nobody).rejects.toMatchObject({ code: "blocked" });
    const other = serve({ tasks, secretKey, baseURL: `${server.baseURL}/elsewhere`, log });
    await expect(other).rejects.toMatchObject({ code: "protocol", message: /tidegate-dev/ });
  });
});
