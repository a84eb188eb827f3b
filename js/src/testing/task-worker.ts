// A worker in a process of its own, told by the environment where its server is. It says on standard output when it is connected.

import { currentRun } from "../task/run-context.js";
import { serve, task, wait } from "../task.js";

const input = async (streamId: string, lastSeqNum: number | undefined) => {
  const none = { timeout: undefined, idempotencyKey: undefined, idempotencyKeyTTL: undefined, tags: undefined };
  const end = await currentRun()?.waitForInput({ ...none, streamId, lastSeqNum });
  if (!end?.ok) throw new Error("there was no input");
  return end;
};

const { TRIGGER_API_URL: api, TRIGGER_SECRET_KEY: key } = process.env;

/** Says in the run's metadata how many numbers it has had. */
async function tell(run: string, had: number): Promise<void> {
  const headers = { authorization: `Bearer ${key}` };
  const body = JSON.stringify({ metadata: { had } });
  await (await fetch(`${api}/api/v1/runs/${run}/metadata`, { method: "PUT", headers, body })).text();
}

/** Adds three numbers up that it waits for, one after the other. */
const sum = task({
  id: "sum",
  run: async (_: null, { ctx }) => {
    let [total, last]: [number, number | undefined] = [0, undefined];
    for (let n = 0; n < 3; n += 1) {
      const end = await input("numbers", last);
      total += Number(end.data);
      last = end.seqNum;
      await tell(ctx.run.id, n + 1);
    }
    return { total, last, attempt: ctx.attempt.number, worker: process.pid };
  },
});

/** Executes until it is told to end, and fails as often as the payload says. */
const busy = task({
  id: "busy",
  retry: { maxAttempts: 3, minTimeoutInMs: 1, maxTimeoutInMs: 1 },
  run: async ({ fails = 0, hangs = 0 }: { fails?: number; hangs?: number }, { ctx, signal }) => {
    const { number } = ctx.attempt;
    if (number <= fails) throw new RangeError(`attempt ${number} fails`);
    if (number <= hangs)
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    return { attempt: number, worker: process.pid };
  },
});

/** Makes a token in each execution, which is the same one, and triggers a child when it is completed. */
const gate = task({
  id: "gated",
  run: async () => {
    const token = await wait.createToken({ tags: ["gate"] });
    const answer = await wait.forToken<string>(token).unwrap();
    const child = await busy.trigger({});
    return { answer, child: child.id };
  },
});

const serving = await serve({ tasks: [sum, busy, gate], log: () => {} });
process.on("SIGTERM", () => serving.stop().then(() => process.exit(0)));
console.log("connected");
