// Runs the parts of a suite one after the other, shows what they print, and adds up what they counted.
import { once } from "node:events";
import { stripVTControlCharacters } from "node:util";
import { start } from "./processes.mjs";

// The closing lines of the test runners in use. A part that counts nothing is one test: it succeeds or it fails.
const closingLines = [
  /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed; (?<skipped>\d+) ignored/gm, // cargo, wasm-bindgen
  /^ *Tests +(?:(?<failed>\d+) failed)?[ |]*(?:(?<passed>\d+) passed)?[ |]*(?:(?<skipped>\d+) skipped)?.*\(\d+\)$/gm, // Vitest
  /^(?:[\w-]+: )?(?<passed>\d+) passed, (?<failed>\d+) failed(?:, (?<skipped>\d+) skipped)?$/gm,
];

export function count(output) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const line of closingLines) {
    for (const { groups } of stripVTControlCharacters(output).matchAll(line)) {
      for (const key of Object.keys(total)) total[key] += Number(groups[key] ?? 0);
    }
  }
  return total;
}

// The parts write into a pipe: whether there is a person to read colours, they cannot see.
const colours = process.stdout.isTTY ? { FORCE_COLOR: "1", CARGO_TERM_COLOR: "always" } : { NO_COLOR: "1" };

async function runPart({ command, env, around = (body) => body() }) {
  const [program, ...parameters] = command;
  let output = "";
  let code = 1;
  await around(async () => {
    const child = start(program, parameters, { env: { ...colours, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    for (const [stream, shown] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
        shown.write(text);
      });
    }
    [code] = await once(child, "close");
  });
  return { output, succeeded: code === 0 };
}

/** A part is `{ name, command, env?, around?, counts? }`; `counts` says that its output must hold a count of tests. */
export async function runParts(parts) {
  const results = [];
  for (const part of parts) {
    console.log(`\n--- ${part.name}: ${part.command.join(" ")}`);
    const started = performance.now();
    const { output, succeeded } = await runPart(part).catch((error) => {
      console.error(error.message);
      return { output: "", succeeded: false };
    });
    const result = part.counts ? count(output) : { passed: Number(succeeded), failed: Number(!succeeded), skipped: 0 };
    // A part that broke down, or that ran no test at all, has failed, whatever it counted.
    if (part.counts && result.failed === 0 && (!succeeded || result.passed === 0)) result.failed = 1;
    results.push({ ...result, name: part.name, seconds: (performance.now() - started) / 1000 });
  }
  return summarise(results);
}

function summarise(results) {
  console.log("\n--- summary");
  for (const { name, passed, failed, skipped, seconds } of results) {
    const verdict = failed > 0 ? "FAILED" : "ok";
    const counted = `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
    console.log(`${verdict.padEnd(7)} ${name.padEnd(14)} ${`${seconds.toFixed(1)} s`.padStart(8)}   ${counted}`);
  }
  const total = (key) => results.reduce((sum, result) => sum + result[key], 0);
  const skipped = total("skipped");
  console.log(`\n${total("passed")} passed, ${total("failed")} failed${skipped ? `, ${skipped} skipped` : ""}`);
  return total("failed") === 0;
}
