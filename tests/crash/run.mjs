// Kills the development server at random moments under load, starts it again on the same file, and looks whether everything that it
// had acknowledged is there, once.
//   node tests/crash/run.mjs [--rounds N] [--seed N]
// A round is passed when all of it holds right after its kill and after all later ones.
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { apiProgram, buildApi, serve } from "../../.ci/processes.mjs";
import { Api } from "./api.mjs";
import { Approvals } from "./approvals.mjs";
import { Round } from "./round.mjs";

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
const folder = await mkdtemp(join(tmpdir(), "tidegate-crash-"));
const file = join(folder, "dev.db");
let port = 0;
const starts = [];

async function start() {
  const began = performance.now();
  const flags = ["--port", String(port), "--data", file, "--hold-ms", "100"];
  const server = await serve(apiProgram, flags, { TIDEGATE_SECRET_KEY: secret });
  starts.push(performance.now() - began);
  port = Number(new URL(server.address).port);
  return { api: new Api(server.address, secret), kill: () => server.stop("SIGKILL") };
}

/** What is wrong, be it that looking was refused. */
const look = (what, api) => what.check(api).catch((error) => [error.message]);

const failed = new Set();
function judge(name, problems) {
  if (problems.length === 0) return;
  failed.add(name);
  for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`);
}

await buildApi();
const approvals = new Approvals();
const done = [];
let answers = 0;
let server = await start();
try {
  for (let n = 1; n <= rounds; n++) {
    const round = new Round(`round-${n}`);
    await round.prepare(server.api);
    await approvals.renew(server.api);
    const loaded = round.load(server.api);
    // The server is killed in the middle of whatever it is doing then: waiting for a time is the point.
    await new Promise((settle) => setTimeout(settle, 10 + 290 * draw() ** 2));
    await server.kill();
    await loaded;
    server = await start();
    await round.finish(server.api);
    judge(n, [...(await look(round, server.api)), ...(await look(approvals, server.api))]);
    answers += round.answers;
    done.push(round);
  }
  judge("at the end", await approvals.finish(server.api));
  for (const [at, round] of done.entries()) judge(at + 1, await look(round, server.api));
} finally {
  await server.kill();
}
const size = (await stat(file)).size;
if (failed.size === 0) await rm(folder, { recursive: true });
else console.log(`The database is kept: ${file}`);
const slowest = Math.max(...starts);
console.log(
  `seed ${seed}: ${rounds} kills, ${answers} answers, ${approvals.attempts} attempts of approvals, ` +
    `${(size / 1e6).toFixed(1)} MB, slowest start ${slowest.toFixed(0)} ms`,
);
const failures = failed.size;
console.log(`${rounds + 1 - failures} passed, ${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
