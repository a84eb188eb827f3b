// Asks a server what was recorded from a real one, and compares the answers.
//   node tests/contract/run.mjs [--url http://…] [--key tr_dev_…] [--slow] [NAME…]
// Without --url (or TIDEGATE_URL) it starts tidegate-dev itself: the binary named by TIDEGATE_DEV, else the one cargo builds.
// A tidegate-dev that is given by --url refuses as recorded when it was started with --rate-limits trigger-dev.
// Where that server keeps streams at S2 (TIDEGATE_STREAMS and the like are handed on), parts are written there, as official writers do.
// --slow adds what takes a minute. NAME picks fixtures by a part of their name.
import { readdir, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { compare } from "./compare.mjs";
import { differences } from "./differences.mjs";
import { replay } from "./replay.mjs";
import { startServer } from "./server.mjs";
import { skipReason } from "./skips.mjs";
import { connect } from "./world.mjs";

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: { url: { type: "string" }, key: { type: "string" }, slow: { type: "boolean", default: false } },
});
const atOnce = 8;

async function load() {
  const folder = new URL("../fixtures/wire/", import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".json")).sort();
  const fixtures = await Promise.all(
    files.map(async (file) => ({
      name: file.slice(0, -".json".length),
      ...JSON.parse(await readFile(new URL(file, folder), "utf8")),
    })),
  );
  return fixtures.filter(({ name }) => names.length === 0 || names.some((part) => name.includes(part)));
}

async function judge(world, fixture) {
  const skipped = skipReason(fixture, { ...options, hasWorker: world.hasWorker, hasLogService: world.hasLogService });
  if (skipped) return { verdict: "skip", notes: [skipped] };
  try {
    const { problems, used } = compare(fixture, await replay(world, fixture), world);
    return { verdict: problems.length === 0 ? "ok" : "FAIL", notes: problems, used };
  } catch (error) {
    return { verdict: "FAIL", notes: [error.stack ?? String(error)] };
  }
}

/** The results in order, each as soon as it and all before it are there; streams wait for seconds, so several run at once. */
async function* inOrder(fixtures, work) {
  const results = [];
  let started = 0;
  for (let shown = 0; shown < fixtures.length; shown++) {
    while (started < fixtures.length && started < shown + atOnce) results.push(work(fixtures[started++]));
    yield [fixtures[shown], await results[shown]];
  }
}

async function main() {
  const url = options.url || process.env.TIDEGATE_URL;
  const key = options.key || process.env.TIDEGATE_SECRET_KEY || "tr_dev_tidegate";
  const server = url ? { url, stop() {} } : await startServer(key);
  const count = { ok: 0, FAIL: 0, skip: 0 };
  const usedDifferences = new Set();
  try {
    const world = await connect(server.url.replace(/\/$/, ""), key);
    for await (const [fixture, { verdict, notes, used = [] }] of inOrder(await load(), (one) => judge(world, one))) {
      count[verdict] += 1;
      for (const difference of used) usedDifferences.add(difference);
      const marks = used.length > 0 ? ` (differs: ${used.join(", ")})` : "";
      console.log(`${verdict.padEnd(4)} ${fixture.name}${marks}${verdict === "skip" ? `: ${notes[0]}` : ""}`);
      if (verdict === "FAIL") for (const note of notes) console.log(`       ${note.replaceAll("\n", "\n       ")}`);
    }
  } finally {
    server.stop();
  }
  if (usedDifferences.size > 0) console.log("\nWhere this server differs on purpose:");
  for (const name of usedDifferences) console.log(`  ${name}: ${differences[name].reason}`);
  const skipped = count.skip > 0 ? `, ${count.skip} skipped` : "";
  console.log(`\ncontract: ${count.ok} passed, ${count.FAIL} failed${skipped}`);
  process.exitCode = count.FAIL > 0 || count.ok === 0 ? 1 : 0;
}

await main().catch((error) => {
  console.error(`The contract suite cannot ask the server: ${error.message}. Is it running, and is the key right?`);
  process.exitCode = 1;
});
