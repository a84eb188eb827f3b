import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Backend, createBackend } from "./server.js";
import { currentRun } from "./task/run-context.js";
import { type Serving, serve, type Task, task, wait } from "./task.js";
import { hasDevServer, startDevServer } from "./testing/dev-server.js";

if (!hasDevServer) console.warn("integration-task.test.ts is skipped: there is no development server (cargo build)");

const secretKey = "tr_dev_integration";

describe.skipIf(!hasDevServer)("tasks at the real development server", () => {
  let server: Awaited<ReturnType<typeof startDevServer>>;
  let backend: Backend;
  let serving: Serving;
  let parts: Task<"parts", { at: Date }, { year: number; tags: string[] }>;

  beforeAll(async () => {
    server = await startDevServer(secretKey);
    backend = createBackend({ secretKey, baseURL: server.baseURL });
    parts = task({
      id: "parts",
      run: ({ at }: { at: Date }, { ctx }) => ({ year: at.getUTCFullYear(), tags: ctx.run.tags }),
    });
    const ask = task({
      id: "ask",
      run: async (stream: string) => {
        const wait = { streamId: stream, timeout: "1h", lastSeqNum: undefined, tags: undefined };
        return currentRun()?.waitForInput({ ...wait, idempotencyKey: undefined, idempotencyKeyTTL: undefined });
      },
    });
    const gate = task({ id: "my-gate", run: async (id: string) => wait.forToken(id).unwrap() });
    serving = await serve({ tasks: [parts, ask, gate], secretKey, baseURL: server.baseURL, log: () => {} });
  });
  afterAll(async () => {
    await serving.stop();
    await server.stop();
  });

  const ended = async (id: string) => {
    for (;;) {
      const run = await backend.runs.retrieve(id);
      if (run.finishedAt) return run;
    }
  };

  it("runs a task from the trigger to its output", async () => {
    const at = new Date(0);
    const { id } = await backend.trigger("parts", { at }, { tags: ["mine"] });
    expect(await ended(id)).toMatchObject({
      status: "COMPLETED",
      output: { year: 1970, tags: ["mine"] },
      attemptCount: 1,
    });
  });

  it("waits for an input, and for a token", async () => {
    const { id } = await backend.trigger("ask", "words");
    await backend.streams.input("words").send(id, { yes: true });
    expect((await ended(id)).output).toEqual({ ok: true, data: '{"yes":true}', seqNum: 0 });
    const token = await backend.wait.createToken();
    const gate = await backend.trigger("my-gate", token.id);
    while ((await backend.runs.retrieve(gate.id)).status !== "WAITING");
    await backend.wait.completeToken(token.id, new Date(0));
    expect((await ended(gate.id)).output).toBe("1970-01-01T00:00:00.000Z");
  });
});
