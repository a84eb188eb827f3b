// Tidegate beside the official client and beside the least that can be done, all in one run.
//   node tests/bench/run.mjs [WORDS]     only the sections and loads whose names hold these words
// QUICK=1 for fewer loads and rounds, ROUNDS= for another number of them, PROFILE=FOLDER for CPU profiles of what runs in Node.
import { createWriteStream, mkdirSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { root, serve } from "../../.ci/processes.mjs";
import { startBrowser } from "./browser.mjs";
import { interleave } from "./compare.mjs";
import { judge, printVerdicts } from "./goals.mjs";
import { sectionsFor } from "./sections.mjs";
import { printLoad } from "./table.mjs";

const words = process.argv.slice(2);
const quick = Boolean(process.env.QUICK);
const rounds = Number(process.env.ROUNDS || (quick ? 3 : 5));
const started = new Date();

const folder = join(root, "target/bench");
mkdirSync(folder, { recursive: true });
const file = join(folder, `${started.toISOString().replace(/\W/g, "-")}.jsonl`);
const lines = createWriteStream(file);
const write = (line) => lines.write(`${JSON.stringify(line)}\n`);
write({ started, node: process.version, cpus: cpus().length, cpu: cpus()[0]?.model, rounds, quick });

const server = await serve("node", ["tests/bench/server.mjs"]);
const browser = await startBrowser();
const results = [];
for (const section of sectionsFor({ server, browser, quick })) {
  const loads = section.loads.filter(({ name }) => words.every((word) => `${section.name} ${name}`.includes(word)));
  if (loads.length > 0) console.log(`\n--- ${section.title}`);
  for (const load of loads) {
    await section.prepare?.(load);
    const measured = await interleave(section.subjects, rounds, async (subject, round) => {
      const one = await section.measure(subject, load);
      write({ section: section.name, load: load.name, subject, round, ...one, machineLoad: loadavg()[0] });
      return one;
    });
    const result = { section, load, measured };
    printLoad(result);
    results.push(result);
  }
}
await browser.stop();
await server.stop();

const verdicts = judge(results);
for (const verdict of verdicts) write({ verdict });
lines.end();
console.log(`\n${((Date.now() - started) / 60_000).toFixed(1)} min, ${rounds} rounds, every measurement in ${file}`);
process.exit(printVerdicts(verdicts) ? 0 : 1);
