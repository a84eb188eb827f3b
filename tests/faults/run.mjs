// The outcome table of sends, over real sockets: every fault of rows.mjs in Node and in Chromium.
//   node tests/faults/run.mjs [WORDS]     only the rows whose name holds these words; ENGINE=js without WebAssembly
import { Backend, closingPreflights } from "./backend.mjs";
import { cellsOf, judge, prepare } from "./cells.mjs";
import { engine, startChromium, startNode } from "./hosts.mjs";
import { judgeMany, prepareMany } from "./many.mjs";
import { rows } from "./rows.mjs";
import { printTable } from "./table.mjs";

const words = process.argv.slice(2).join(" ");
const wanted = rows.filter(({ name }) => name.includes(words));
const seed = Number(process.env.SEED || 20_261);
const started = Date.now();

const backends = { silent: await Backend.start("--no-idempotence"), announcing: await Backend.start() };
const hosts = [startNode(), await startChromium()];
const [, browser] = hosts;

const cells = cellsOf(wanted, hosts, backends);
const many = words ? [] : hosts.map((host) => ({ host, backend: backends.announcing }));
await setAllFaults().catch(breakDown);
await Promise.all([
  ...cells.filter(({ row }) => row.act !== "offline").map(run),
  runOffline(cells.filter(({ row }) => row.act === "offline")),
  ...many.map(runMany),
]).catch(breakDown);
const checks = [...cells, ...many];
for (const { name, uncaught, ranAs } of hosts) {
  checks.push({ about: `${name}: nothing uncaught`, problem: uncaught.join("; ") });
  const kind = await ranAs();
  checks.push({ about: `${name}: the core ran as ${engine}`, problem: kind === engine ? "" : `it ran as ${kind}` });
}

printTable(cells);
for (const { host, drops, problem } of many) {
  console.log(`${problem ? "✗" : "✓"} 1,000 sends in ${host.name}, ${drops} answers lost (seed ${seed})`);
}
const failed = checks.filter(({ problem }) => problem);
if (failed.length > 0) console.log(`\n${failed.map((check) => `${nameOf(check)}: ${check.problem}`).join("\n")}`);
const skipped = checks.filter(({ awaited }) => awaited).length;
const counts = `${checks.length - failed.length - skipped} passed, ${failed.length} failed`;
console.log(`\n${((Date.now() - started) / 1000).toFixed(1)} s`);
console.log(`faults: ${counts}${skipped ? `, ${skipped} skipped` : ""}`);
await Promise.all([...hosts, ...Object.values(backends)].map(({ stop }) => stop()));
process.exit(failed.length > 0 ? 1 : 0);

function nameOf({ about, row, host, token, server }) {
  return about ?? (row ? `${row.name} [${host.name}, ${token}, ${server}]` : `1,000 sends [${host.name}]`);
}

/** What is wrong with the test itself would otherwise count as something that nobody caught. */
function breakDown(error) {
  console.error(error);
  process.exit(1);
}

async function setAllFaults() {
  for (const backend of Object.values(backends)) {
    const rules = [];
    for (const cell of cells.filter((cell) => cell.backend === backend)) rules.push(...(await prepare(cell)));
    for (const lot of many.filter((lot) => lot.backend === backend)) {
      Object.assign(lot, await prepareMany(backend, seed + many.indexOf(lot)));
      rules.push(...lot.rules);
    }
    await backend.setFaults([...rules, closingPreflights]);
  }
}

async function run(cell) {
  cell.problem = await judge(cell);
}

async function runMany(lot) {
  lot.problem = await judgeMany(lot.host, lot.backend, lot).catch((error) => `the test broke down: ${error.stack}`);
}

/** A page loses its network as a whole, so these share one of their own. */
async function runOffline(cells) {
  if (cells.length === 0) return;
  const page = await browser.openAnother();
  // With the core loaded: what is left to do when the network is back is the send.
  await page.attemptMany({ ...cells[0].job, count: 0 });
  await page.setOffline(true);
  const runs = Promise.all(cells.map((cell) => run(Object.assign(cell, { host: { ...browser, ...page } }))));
  // One that settles without having been held has no such time, and fails by it.
  await Promise.race([Promise.all(cells.map(({ id }) => page.control(id, "held"))), runs]);
  for (const cell of cells) cell.backAt = Date.now();
  await page.setOffline(false);
  await runs;
}
