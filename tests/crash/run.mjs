// Kills the development server and the workers that execute tasks for it at random moments under load, each alone and both at once,
// starts them again, and looks whether everything that was acknowledged is there, once, and whether every run came to its right end.
//   node tests/crash/run.mjs [--rounds N] [--seed N]
// A round is passed when all of it holds right after its kill and after all later ones.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { apiProgram, buildApi, serve } from "../../.ci/processes.mjs";
import { Api } from "./api.mjs";
import { Approvals } from "./approvals.mjs";
import { Families } from "./families.mjs";
import { Round } from "./round.mjs";
import { Workers } from "./workers.mjs";

const secret = "tr_dev_crash";
const { values: options } = parseArgs({ options: { rounds: { type: "string" }, seed: { type: "string" } } });
const rounds = Number(options.rounds || process.env.ROUNDS || 24);
const seed = Number(options.seed || process.env.SEED || Date.now() % 1_000_000);

/** Numbers from 0 to 1 that a seed decides (mulberry32). */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const draw = random(seed);
const workerCount = 2;
/** So short that runs change hands within a round, and by mistake too, when the machine is busy. */
const silenceMs = 300;
const folder = await mkdtemp(join(tmpdir(), "tidegate-crash-"));
const file = join(folder, "dev.db");
let port = 0;
const starts = [];

async function start() {
  const began = performance.now();
  const flags = ["--port", String(port), "--data", file, "--hold-ms", "100", "--worker-silence-ms", String(silenceMs)];
  const server = await serve(apiProgram, flags, { TIDEGATE_SECRET_KEY: secret });
  starts.push(performance.now() - began);
  port = Number(new URL(server.address).port);
  return { address: server.address, api: new Api(server.address, secret), kill: () => server.stop("SIGKILL") };
}

/** What is wrong, be it that looking was refused. */
const look = async (what, api) => {
  try {
    return await what.check(api);
  } catch (error) {
    return [error.message];
  }
};

const failed = new Set();
function judge(name, problems) {
  if (problems.length === 0) return;
  failed.add(name);
  for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`);
}

/** Who is killed besides the server, and when, in parts of the time until then: nobody, or some workers before it, or with it. */
function plan() {
  const [kind, victim] = [Math.floor(draw() * 3), Math.floor(draw() * (workerCount + 1))];
  return { after: kind === 1 ? draw() : 1, isChosen: (at) => kind > 0 && (victim === workerCount || victim === at) };
}

await buildApi();
const approvals = new Approvals();
const families = new Families(draw);
const done = [];
let answers = 0;
let server = await start();
const workers = new Workers(server.address, secret);
await workers.start(workerCount);
try {
  for (let n = 1; n <= rounds; n++) {
    const round = new Round(`round-${n}`);
    await round.prepare(server.api);
    await approvals.renew(server.api);
    await families.renew(server.api);
    const loaded = Promise.all([round.load(server.api), families.load(server.api)]);
    // They are killed in the middle of whatever they are doing then: waiting for a time is the point.
    const [ms, { after, isChosen }] = [10 + 290 * draw() ** 2, plan()];
    await sleep(ms * after);
    workers.kill(isChosen);
    await sleep(ms * (1 - after));
    await server.kill();
    await loaded;
    server = await start();
    await Promise.all([round.finish(server.api), families.load(server.api)]);
    for (const what of [round, approvals, families, workers]) judge(n, await look(what, server.api));
    answers += round.answers;
    done.push(round);
  }
  judge("at the end", await approvals.finish(server.api));
  judge("at the end", await families.finish(server.api));
  for (const [at, round] of done.entries()) judge(at + 1, await look(round, server.api));
} finally {
  workers.end();
  await server.kill();
}
const size = (await stat(file)).size;
if (failed.size === 0) await rm(folder, { recursive: true });
else console.log(`The database is kept: ${file}`);
const slowest = Math.max(...starts);
console.log(
  `seed ${seed}: ${rounds} kills of the server and ${workers.kills} of workers, ${answers} answers, ` +
    `${approvals.attempts} attempts of approvals, ${families.runs} runs at workers in ${families.lives} lives and ` +
    `${families.attempts} attempts, ${(size / 1e6).toFixed(1)} MB, slowest start ${slowest.toFixed(0)} ms`,
);
const failures = failed.size;
console.log(`${rounds + 1 - failures} passed, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
