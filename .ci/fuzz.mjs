// Runs every fuzz target for SECONDS, each in turn, beginning with what is in its corpus.
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { cargoTarget, root, start } from "./processes.mjs";

const seconds = Number(process.env.SECONDS || 60);
if (!(Number.isInteger(seconds) && seconds > 0)) throw new Error("SECONDS is a whole number of seconds, at least 1");

const targets = ["sse", "json", "records", "shape", "token"];
// What was made up stays here from run to run: the next one begins where this one ended. `cargo clean` forgets it.
const folder = join(cargoTarget, "fuzz");

async function run(program, parameters) {
  const child = start(program, parameters, { env: { RUST_BACKTRACE: "0" }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  return { code, output };
}

/** The targets, with what libFuzzer wants compiled into them: the flags that cargo-fuzz gives, all of stable Rust. */
async function build() {
  const { output } = await run("rustc", ["-vV"]);
  const host = /^host: (.*)$/m.exec(output)[1];
  const coverage = [
    "-sanitizer-coverage-level=4",
    "-sanitizer-coverage-inline-8bit-counters",
    "-sanitizer-coverage-pc-table",
    "-sanitizer-coverage-trace-compares",
    "-simplifycfg-branch-fold-threshold=0",
  ];
  const flags = ["-Cpasses=sancov-module", ...coverage.map((flag) => `-Cllvm-args=${flag}`)];
  // With `--target`, the flags are for the targets and not for what runs while they are built.
  const chosen = ["--package=tidegate-fuzz", "--features=engine", "--bins"];
  const child = start("cargo", ["build", "--quiet", "--profile=fuzz", `--target=${host}`, ...chosen], {
    env: { CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"), CARGO_TARGET_DIR: folder },
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error("The fuzz targets could not be built.");
  return join(folder, host, "fuzz");
}

/** A shorter input that fails too, if one is found quickly. */
async function minimised(program, input) {
  const smaller = `${input}-minimised`;
  await run(program, [input, "-minimize_crash=1", "-max_total_time=10", `-exact_artifact_path=${smaller}`]);
  return existsSync(smaller) ? smaller : input;
}

async function fuzz(programs, target) {
  const program = join(programs, target);
  const found = join(folder, "found", target);
  const grown = join(folder, "grown", target);
  const kept = join("tests/fuzz/corpus", target);
  for (const path of [found, grown]) mkdirSync(path, { recursive: true });
  const { code, output } = await run(program, [
    grown,
    kept,
    `-max_total_time=${seconds}`,
    `-dict=tests/fuzz/words/${target}.dict`,
    `-artifact_prefix=${found}/`,
    "-max_len=4096",
    "-timeout=10",
    "-print_final_stats=1",
  ]);
  const last = (pattern) => [...output.matchAll(pattern)].at(-1)?.[1] ?? "?";
  const executions = last(/^stat::number_of_executed_units: (\d+)/gm);
  const reached = `${last(/ cov: (\d+)/g)} of ${last(/\((\d+) inline 8-bit counters\)/g)} branches`;
  const inputs = readdirSync(kept).length;
  console.log(`${target.padEnd(8)} ${executions.padStart(10)} executions, ${reached} reached, ${inputs} inputs kept`);
  if (code === 0) return true;

  const report = output.slice(Math.max(0, output.search(/^(thread |==\d+==)/m)));
  console.log(report.split("artifact_prefix=")[0].slice(0, 4000));
  const input = last(/Test unit written to (.*)$/gm);
  if (input !== "?") {
    const shown = relative(root, await minimised(program, input));
    console.log(`The input is in ${shown}. To see it fail again, and to keep it under a name that says what it shows:`);
    console.log(`  cp ${shown} ${kept}/NAME && cargo test -p tidegate-fuzz ${target}`);
  }
  return false;
}

const programs = await build();
const results = [];
for (const target of targets) results.push(await fuzz(programs, target));
const passed = results.filter(Boolean).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exitCode = passed === results.length ? 0 : 1;
