// Bytes of the npm package as an application would ship them, against pkg-template/size-budget.json.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "./paths.mjs";

const { tolerance, limits } = JSON.parse(readFileSync(join(root, "pkg-template/size-budget.json"), "utf8"));
const applications = {
  send: 'export { useInputStreamSend } from "tidegate/react";',
  page: 'export { TidegateProvider, useInputStreamSend, useRealtimeStream } from "tidegate/react";',
  run: 'export { useRealtimeRun } from "tidegate/react";',
  hooks: 'export * from "tidegate/react";',
  everything: 'export * from "tidegate"; export * from "tidegate/react";',
  slim: 'export { provideCore } from "tidegate/slim"; export * from "tidegate/react";', // and core.wasm, which is not counted
  devtools: 'export * from "tidegate/devtools";', // without a limit, as the next two: no visitor loads them
  server: 'export * from "tidegate/server";',
  task: 'export * from "tidegate/task";',
};
/** Those of them that load the core with feeds and calls, and no other. */
const withRuns = new Set(["run", "hooks", "everything"]);
const rowNames = {
  eager: "loads at once",
  core: "the core, lazily",
  coreRuns: "with runs, lazily",
  slim: "without its module",
  twin: "as JavaScript",
  whole: "the whole",
  outbox: "an outbox adds",
  resume: "resuming adds",
  tabs: "shared tabs add",
  runs: "following runs adds",
  calls: "calls add",
  insight: "insight adds",
  stored: "stored packets add",
  superjson: "super+json adds",
  phone: "a phone adds",
};
/** What loads late, by the file it begins with: the core, and what is not part of the whole, since only pages that ask for it load it. */
const beginnings = {
  core: /\/(core|packed)(-\w{8})?\./,
  coreRuns: /\/(core|packed)-runs[-.]/,
  slim: /\/core-slim\./,
  twin: /\/core-js[-.]/,
  outbox: /\/(lane|indexed-db)-/,
  resume: /\/bookmark-/,
  tabs: /\/share-/,
  runs: /\/follow-runs[-.]/,
  calls: /\/calls[-.]/,
  insight: /\/insight\./,
  stored: /\/stored-packets-/,
  superjson: /\/super-json-/,
  phone: /\/(xhr-fetch|utf-8)-/,
};

/** Others, with the hook that people import first, from the packages of the benchmark. */
const rivalsFolder = join(root, "tests/bench");
const rivals = {
  "@trigger.dev/react-hooks 4.8.3": ['export { useInputStreamSend } from "hooks-latest";', "hooks-latest"],
  "the same, two hooks": ['export { useInputStreamSend, useRealtimeStream } from "hooks-latest";', "hooks-latest"],
  "inngest/react": ['export * from "inngest/react";', "inngest"],
  "@electric-sql/react": ['export { useShape } from "@electric-sql/react";', "@electric-sql/react"],
};

const bundling = {
  outdir: "out",
  write: false,
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  target: "es2022",
  // Node's own, which the official package asks for, are left out of what is counted.
  external: ["react", "react/*", "node:*"],
  logLevel: "error",
};

async function measure(application, contents) {
  const { outputFiles, metafile } = await build({
    ...bundling,
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    metafile: true,
  });
  const eager = reachable(metafile.outputs, "out/stdin.js");
  const parts = { eager, whole: new Set(eager) };
  for (const [row, pattern] of Object.entries(beginnings)) {
    parts[row] = new Set();
    for (const [name, { inputs }] of Object.entries(metafile.outputs)) {
      if (pattern.test(Object.keys(inputs).join()) && !eager.has(name)) reachable(metafile.outputs, name, parts[row]);
    }
    for (const name of eager) parts[row].delete(name);
  }
  const core = application === "slim" ? "slim" : withRuns.has(application) ? "coreRuns" : "core";
  for (const name of parts[core]) parts.whole.add(name);
  const sizes = Object.fromEntries(Object.keys(rowNames).map((row) => [row, [0, 0, 0]]));
  for (const { path, contents } of outputFiles) {
    const name = path.slice(root.length + 1);
    const bytes = weigh(contents);
    const rows = Object.keys(parts).filter((row) => parts[row].has(name));
    if (rows.length === 0) throw new Error(`${name} is in no row: ${Object.keys(metafile.outputs[name].inputs)}`);
    // What two of them share is counted in each: that is what one of them alone adds.
    for (const row of rows) sizes[row] = sizes[row].map((sum, index) => sum + bytes[index]);
  }
  return sizes;
}

/** All that such an import brings: these have nothing that comes later. */
async function measureRival(contents) {
  const { outputFiles } = await build({
    ...bundling,
    stdin: { contents, resolveDir: rivalsFolder },
    absWorkingDir: rivalsFolder,
  });
  return outputFiles
    .map(({ contents }) => weigh(contents))
    .reduce((sum, bytes) => sum.map((one, at) => one + bytes[at]));
}

const weigh = (contents) => {
  const brotli = brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  return [contents.length, gzipSync(contents, { level: 9 }).length, brotli.length];
};

/** The files that load with `entry`: those it imports, but not those it imports later. */
function reachable(outputs, entry, found = new Set()) {
  found.add(entry);
  for (const { path, kind } of outputs[entry].imports) {
    if (kind === "import-statement" && outputs[path] && !found.has(path)) reachable(outputs, path, found);
  }
  return found;
}

const column = (value) => value.toLocaleString("en").padStart(12);
const over = [];
console.log(`${"".padEnd(32)}${["raw", "gzip -9", "brotli 11", "budget"].map(column).join("")}`);
for (const [name, contents] of Object.entries(applications)) {
  const sizes = await measure(name, contents);
  for (const [row, bytes] of Object.entries(sizes)) {
    const limit = limits[name]?.[row];
    if (bytes[1] === 0) continue;
    console.log(`${name.padEnd(12)}${rowNames[row].padEnd(20)}${[...bytes, limit ?? ""].map(column).join("")}`);
    if (bytes[1] > limit + tolerance)
      over.push(`${name}, ${rowNames[row]}: ${bytes[1] - limit} bytes gzip over budget`);
  }
}
for (const [name, [contents, rival]] of Object.entries(rivals)) {
  if (!existsSync(join(rivalsFolder, "node_modules", rival))) {
    console.log(`${rival} is not installed: make size shows what it weighs beside these`);
    break;
  }
  console.log(`${name.padEnd(32)}${(await measureRival(contents)).map(column).join("")}`);
}
for (const sentence of over) console.error(sentence);
process.exitCode = over.length > 0 ? 1 : 0;
