// Makes the core smaller than its compilers leave it: wasm-opt, then names of one or two letters between module and glue.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";

const tool = (name, ...parameters) =>
  execFileSync(join(root, "node_modules/.bin", name), parameters, { cwd: root, encoding: "utf8" });

// Inlining functions that have one caller makes the file smaller and what is sent larger: past 30 bytes it does not pay.
const passes = ["-Oz", "--one-caller-inline-max-function-size=30", "--print-features"];

// Glue for what does not happen here: an object that outlives its instance (the pump drops its engine first), one that is
// garbage before its page is, and a string passed without a way to make room for it.
const unneeded = [
  /^ *if \(this\.__wbg_inst !== undefined && this\.__wbg_inst !== __wbg_instance_id\) \{[^{}]*\}\n/gm,
  /^ *Object\.defineProperty\(this, '__wbg_inst'.*\n/gm,
  /^ *EngineFinalization\.(un)?register\(.*\n/gm,
  /^ *if \(realloc === undefined\) \{[^{}]*\}\n/gm,
];

/** Rewrites both files. Every name between them ends in a hash, which no compression can shrink: 2 % of all that is sent. */
export function optimise(wasmFile, glueFile) {
  const textFile = `${wasmFile}.wat`;
  const features = tool("wasm-opt", wasmFile, ...passes, "--emit-text", "-o", textFile)
    .trim()
    .split(/\s+/);
  const text = readFileSync(textFile, "utf8");
  const glue = readFileSync(glueFile, "utf8");

  const found = text.match(/"(__wb\w+_[0-9a-f]{16}|wasm_bindgen__\w+_h[0-9a-f]{16})"/g) ?? [];
  const short = new Map([...new Set(found)].map((name, index) => [name.slice(1, -1), `_${index.toString(36)}`]));
  const name = new RegExp(`\\b(${[...short.keys()].join("|")})\\b`, "g");
  writeFileSync(
    textFile,
    text.replace(/"(\w+)"/g, (quoted, name) => (short.has(name) ? `"${short.get(name)}"` : quoted)),
  );
  writeFileSync(
    glueFile,
    unneeded.reduce((rest, pattern) => rest.replace(pattern, ""), glue).replace(name, (name) => short.get(name)),
  );
  tool("wasm-as", textFile, ...features, "-o", wasmFile);
  rmSync(textFile);
}
