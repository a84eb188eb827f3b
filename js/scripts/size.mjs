// Bytes of the npm package as an application would ship them, against pkg-template/size-budget.json.
import { readFileSync } from "node:fs";
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
  server: 'export * from "tidegate/server";', // without a limit: no visitor loads it
  task: 'export * from "tidegate/task";', // nor this
};
/** Those of them that load the core with feeds and calls, and no other. */
const withRuns = new Set(["run", "hooks", "everything"]);
const rowNames = {
  eager: "loads at once",
  core: "the core, lazily",
  coreRuns: "with runs, lazily",
  twin: "as JavaScript",
  whole: "the whole",
  outbox: "an outbox adds",
  resume: "resuming adds",
  tabs: "shared tabs add",
  runs: "following runs adds",
  calls: "calls add",
  stored: "stored packets add",
  superjson: "super+json adds",
};
/** What loads late, by the file it begins with: the core, and what is not part of the whole, since only pages that ask for it load it. */
const beginnings = {
  core: /\/(core|packed)(-\w{8})?\./,
  coreRuns: /\/(core|packed)-runs[-.]/,
  twin: /\/core-js[-.]/,
  outbox: /\/(lane|indexed-db)-/,
  resume: /\/bookmark-/,
  tabs: /\/share-/,
  runs: /\/follow-runs[-.]/,
  calls: /\/calls[-.]/,
  stored: /\/stored-packets-/,
  superjson: /\/super-json-/,
};

async function measure(application, contents) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    outdir: "out",
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    external: ["react", "react/*", "node:async_hooks"],
    logLevel: "error",
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
  for (const name of parts[withRuns.has(application) ? "coreRuns" : "core"]) parts.whole.add(name);
  const sizes = Object.fromEntries(Object.keys(rowNames).map((row) => [row, [0, 0, 0]]));
  for (const { path, contents } of outputFiles) {
    const name = path.slice(root.length + 1);
    const brotli = brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    const bytes = [contents.length, gzipSync(contents, { level: 9 }).length, brotli.length];
    const rows = Object.keys(parts).filter((row) => parts[row].has(name));
    if (rows.length === 0) throw new Error(`${name} is in no row: ${Object.keys(metafile.outputs[name].inputs)}`);
    // What two of them share is counted in each: that is what one of them alone adds.
    for (const row of rows) sizes[row] = sizes[row].map((sum, index) => sum + bytes[index]);
  }
  return sizes;
}

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
for (const sentence of over) console.error(sentence);
process.exitCode = over.length > 0 ? 1 : 0;
