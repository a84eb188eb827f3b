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
  everything: 'export * from "tidegate"; export * from "tidegate/react";',
};
const rowNames = {
  eager: "loads at once",
  lazy: "the core, lazily",
  whole: "the whole",
  outbox: "an outbox adds",
  resume: "resuming adds",
  tabs: "shared tabs add",
};
/** What loads only where an option asks for it, by the files it is made of. */
const options = { outbox: /\/(lane|indexed-db)-/, resume: /\/bookmark-/, tabs: /\/share-/ };

async function measure(contents) {
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
    external: ["react", "react/*"],
    logLevel: "error",
  });
  const eager = reachable(metafile.outputs, "out/stdin.js");
  const sizes = Object.fromEntries(Object.keys(rowNames).map((row) => [row, [0, 0, 0]]));
  for (const { path, contents } of outputFiles) {
    const name = path.slice(root.length + 1);
    const brotli = brotliCompressSync(contents, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    const bytes = [contents.length, gzipSync(contents, { level: 9 }).length, brotli.length];
    const inputs = Object.keys(metafile.outputs[name].inputs).join();
    // Not part of the whole: only pages that ask for it ever load it.
    const option = Object.keys(options).find((row) => options[row].test(inputs));
    for (const row of option ? [option] : [eager.has(name) ? "eager" : "lazy", "whole"]) {
      sizes[row] = sizes[row].map((sum, index) => sum + bytes[index]);
    }
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
  const sizes = await measure(contents);
  for (const [row, bytes] of Object.entries(sizes)) {
    const limit = limits[name]?.[row];
    console.log(`${name.padEnd(12)}${rowNames[row].padEnd(20)}${[...bytes, limit ?? ""].map(column).join("")}`);
    if (bytes[1] > limit + tolerance)
      over.push(`${name}, ${rowNames[row]}: ${bytes[1] - limit} bytes gzip over budget`);
  }
}
for (const sentence of over) console.error(sentence);
process.exitCode = over.length > 0 ? 1 : 0;
