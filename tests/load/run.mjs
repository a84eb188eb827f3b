// What the development server carries, as it is built for use: runs that wait at once, sends a second, readers at once, and their memory.
//   node tests/load/run.mjs [--runs N] [--readers N] [--sends N]
// Fails when a run or a reader does not get what is its own.
import { createWriteStream, mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildApi, fastApiProgram, root, serve } from "../../.ci/processes.mjs";
import { Api } from "../crash/api.mjs";
import { mostFiles, withMostFiles } from "./process.mjs";
import { measureReading } from "./reading.mjs";
import { measureSends } from "./sends.mjs";
import { measureWaiting } from "./waiting.mjs";

const secret = "tr_dev_load";
const number = { type: "string" };
const { values: given } = parseArgs({ options: { runs: number, readers: number, sends: number } });
const runs = Number(given.runs || process.env.RUNS || 10_000);
const readers = Number(given.readers || process.env.READERS || 5_000);
const sends = Number(given.sends || process.env.SENDS || 20_000);
/** Files that a server and its database have open besides its connections. */
const spareFiles = 100;

if (mostFiles() < readers + spareFiles) {
  console.error(
    `${readers} readers take ${readers + spareFiles} open files in the server, and this system allows a process ${mostFiles()} (ulimit -Hn). ` +
      `Raise the limit, as root in /etc/security/limits.conf, or ask for fewer: READERS=${Math.max(mostFiles() - spareFiles, 1)}.`,
  );
  process.exit(1);
}

const started = new Date();
const folder = join(root, "target/load");
mkdirSync(folder, { recursive: true });
const file = join(folder, `${started.toISOString().replace(/\W/g, "-")}.jsonl`);
const lines = createWriteStream(file);
const write = (line) => lines.write(`${JSON.stringify(line)}\n`);
write({ started, node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model, runs, readers, sends });

const missed = [];
const rows = [];
function row(what, measured, ...cells) {
  write({ what, ...measured, machineLoad: loadavg()[0] });
  rows.push([what, ...cells]);
  console.log(`${what.padEnd(42)}${cells.map((cell) => cell.padStart(18)).join("")}`);
}
const must = (holds, sentence) => holds || missed.push(sentence);
const round = (value) => Number(value < 10 ? value.toPrecision(2) : value.toFixed(0)).toLocaleString("en");
const kilobytes = (bytes, by) => `${round(bytes / 1024 / by)} KiB`;
const seconds = (ms) => `${round(ms / 1000)} s`;

async function startServer(flags) {
  const server = await serve(...withMostFiles(fastApiProgram, ["--port", "0", "--no-console", ...flags]), {
    TIDEGATE_SECRET_KEY: secret,
  });
  return { ...server, secret, api: new Api(server.address, secret) };
}

async function measureOn(kind, flags) {
  const alone = { connections: 1, count: Math.ceil(sends / 10) };
  for (const lanes of [alone, { connections: 64, count: sends }]) {
    const server = await startServer(flags());
    const what = `${round(lanes.count)} sends, ${lanes.connections === 1 ? "one by one" : `over ${lanes.connections} connections`}`;
    const measured = await measureSends(server, lanes);
    row(`${kind}: ${what}`, measured, `${round(measured.perSecond)}/s`);
    must(
      measured.missing === 0 && measured.repeated === 0,
      `${kind}: ${measured.missing} sends are missing, ${measured.repeated} are there twice`,
    );
    await server.stop();
  }

  let server = await startServer(flags());
  const waiting = await measureWaiting(server, runs);
  const { memory } = waiting;
  row(
    `${kind}: ${round(waiting.waiting)} runs waiting at once`,
    waiting,
    kilobytes(memory.server, runs),
    `begun in ${seconds(waiting.beganMs)}`,
  );
  row(
    `${kind}: ${round(waiting.right)} resumed by their sends`,
    {},
    `${round((runs / waiting.resumedMs) * 1000)}/s`,
    `sent in ${seconds(waiting.sentMs)}`,
  );
  must(waiting.waiting === runs, `${kind}: ${waiting.waiting} runs of ${runs} waited at once`);
  must(
    waiting.right === runs,
    `${kind}: ${waiting.right} runs of ${runs} went on once with their own word: ${waiting.wrong}`,
  );
  await server.stop();

  server = await startServer(flags());
  const reading = await measureReading(server, readers);
  row(
    `${kind}: ${round(reading.whole)} readers at once`,
    reading,
    kilobytes(reading.memory, readers),
    `open in ${seconds(reading.openMs)}`,
  );
  row(
    `${kind}: ${reading.records} records to each`,
    {},
    `${round(reading.perSecond)}/s`,
    `in ${seconds(reading.readMs)}`,
  );
  must(reading.whole === readers, `${kind}: ${reading.whole} readers of ${readers} got every record: ${reading.wrong}`);
  await server.stop();
}

await buildApi("--release");
const data = await mkdtemp(join(tmpdir(), "tidegate-load-"));
let count = 0;
try {
  await measureOn("memory", () => ["--memory"]);
  await measureOn("SQLite", () => ["--data", join(data, `${count++}.db`)]);
} finally {
  await rm(data, { recursive: true });
}
for (const sentence of missed) console.log(`MISSED  ${sentence}`);
write({ missed });
lines.end();
console.log(`\n${((Date.now() - started) / 60_000).toFixed(1)} min, every measurement in ${file}`);
process.exitCode = missed.length > 0 ? 1 : 0;
