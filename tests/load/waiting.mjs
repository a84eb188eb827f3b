// Runs that wait at once, at one worker: what they cost, and whether each of them goes on once, with what was sent to it.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { start } from "../../.ci/processes.mjs";
import { spread } from "./connection.mjs";
import { memoryOf } from "./process.mjs";

const connections = 32;
const lookMs = 200;
/** Longer than it takes on a slow machine. */
const patienceMs = 300_000;

export async function measureWaiting({ api, address, secret, pid }, count) {
  const env = { TRIGGER_API_URL: address, TRIGGER_SECRET_KEY: secret };
  const worker = start(process.execPath, ["tests/load/worker.mjs"], { env, stdio: ["ignore", "pipe", "inherit"] });
  await once(worker.stdout, "data");
  const lanes = { connections, count };
  const all = (each) => spread(address, secret, lanes, each);
  const [server, before] = [memoryOf(pid), memoryOf(worker.pid)];
  const ids = [];
  const began = performance.now();
  await all(async (connection, n) => {
    ids[n] = (await connection.ask("POST", "/api/v1/tasks/sleeper/trigger", { payload: {} })).id;
  });
  await noneIs(api, "QUEUED,DEQUEUED,EXECUTING");
  const beganMs = performance.now() - began;
  let waiting = 0;
  await all(async (connection, n) => {
    const { status } = await connection.ask("GET", `/api/v3/runs/${ids[n]}`);
    if (status === "WAITING") waiting += 1;
  });
  const memory = { server: memoryOf(pid) - server, worker: memoryOf(worker.pid) - before };

  const resumed = performance.now();
  const sentMs = await all((connection, n) =>
    connection.ask("POST", `/realtime/v1/streams/${ids[n]}/input/words`, { data: `word ${n}` }),
  );
  await noneIs(api, "QUEUED,DEQUEUED,EXECUTING,WAITING");
  const resumedMs = performance.now() - resumed;
  let [right, wrong] = [0, undefined];
  await all(async (connection, n) => {
    const { status, output, attemptCount } = await connection.ask("GET", `/api/v3/runs/${ids[n]}`);
    if (status === "COMPLETED" && output.word === `word ${n}` && output.life === 1 && attemptCount === 1) right += 1;
    else wrong ??= `${ids[n]} is ${status} with ${JSON.stringify(output)} in attempt ${attemptCount}`;
  });
  worker.kill();
  await once(worker, "close");
  return { waiting, right, wrong, beganMs, sentMs, resumedMs, memory };
}

/** Resolves when no run stands like this. */
async function noneIs(api, statuses) {
  const until = performance.now() + patienceMs;
  for (;;) {
    const { data } = await api.get("GET", `/api/v1/runs?page[size]=10&filter[status]=${statuses}`);
    if (data.length === 0) return;
    if (performance.now() > until) throw new Error(`${data[0].id} is still ${data[0].status}`);
    await sleep(lookMs);
  }
}
