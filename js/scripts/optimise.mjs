// Makes the core smaller than its compilers leave it: wasm-opt, then names of one or two letters between module and glue.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import zopfli from "@gfx/zopfli";
import { order } from "./order.mjs";
import { root } from "./paths.mjs";
import { even, sort } from "./sort.mjs";

export const tool = (name, ...parameters) =>
  execFileSync(join(root, "node_modules/.bin", name), parameters, { cwd: root, encoding: "utf8" });

// Every pass is repeated until none finds more. Inlining functions that have one caller makes the file smaller and what is sent
// larger: past 30 bytes it does not pay. The lowest memory is the far end of the stack, where nothing has an address of its own.
export const tight = ["--low-memory-unused", "-Oz", "--one-caller-inline-max-function-size=30", "--converge"];

/** How many orders of the functions are tried. */
const ROUNDS = 10;

// Control flow is built anew from a flat form first: another 1 % of what is sent.
const passes = ["--flatten", "--rereloop", "-Oz", ...tight];

// Glue for what does not happen here: an object that is freed, or garbage, before its instance is; one that outlives it (the
// maker of engines ends the last one first); a call while a new instance is due; arguments for which there is no memory; a
// string passed without a way to make room for it; and counters that a new instance may keep.
export const unneeded = [
  /^ {4}(__destroy_into_raw|free)\(\) \{\n[\s\S]*?^ {4}\}\n/gm,
  /^ *if \(this\.__wbg_inst !== undefined && this\.__wbg_inst !== __wbg_instance_id\) \{[^{}]*\}\n/gm,
  /^ *Object\.defineProperty\(this, '__wbg_inst'.*\n/gm,
  /^ *CoreFinalization\.(un)?register\(.*\n/gm,
  /^ *__wbg_call_guard\(\);\n/gm,
  /^ *try \{\n(?=( *ptr\d = .*\n| *len\d = .*\n)+ *\} catch)/gm,
  /^ *\} catch \(e\) \{\n( *if \(ptr\d\) .*\n)+ *throw e;\n *\}\n/gm,
  /^ *if \(realloc === undefined\) \{[^{}]*\}\n/gm,
  /^if \(Symbol\.dispose\) .*\n/gm,
  /^ *__wbg_instance_id\+\+;\n/gm,
  /^ *__wbg_reinit_scheduled = false;\n/gm,
  /^ *if \(typeof \w+ !== 'undefined'\) \w+ = 0;\n/gm,
];
const unneededExports = /^ *\(export "(__wbg_core_free|__wbindgen_free|__abort_handler|__instance_terminated)" .*\n/gm;

/**
 * What the data hold and nobody reads: what a panic says beside its place, which is all that src/web/panic.rs tells, and what wasm-bindgen
 * says of objects that are freed or lent, as none is here.
 */
const unread = [
  "slice index starts at ",
  " but ends at ",
  "index out of bounds: the len is ",
  " but the index is ",
  "range start index ",
  "range end index ",
  " out of range for slice of length ",
  "insertion index (is ",
  ") should be <= len (is ",
  "removal index (is ",
  ") should be < len (is ",
  "mid > len",
  "memory allocation of ",
  " bytes failed",
  "Tried to shrink to a larger capacity",
  "capacity overflow",
  "RefCell already borrowed",
  "attempted to take ownership of Rust value while it was borrowed",
  "null pointer passed to rust",
  "recursive use of an object detected which would lead to unsafe aliasing in rust",
];

/** The text of a module without what nobody takes from it. What is blanked is as long as before, and next to nothing once compressed. */
export function withoutUnneeded(text) {
  const blank = (line) =>
    unread.reduce((rest, words) => rest.replaceAll(words, (found) => " ".repeat(found.length)), line);
  return text.replace(unneededExports, "").replace(/^ \(data .*/gm, blank);
}

/** Names between the two are long, and most end in a hash, which no compression can shrink: 2 % of all that is sent. */
export function shorten(text, glue) {
  const found = text.match(/"(__wb\w+|wasm_bindgen__\w+|core_\w+)"/g) ?? [];
  const short = new Map([...new Set(found)].map((name, index) => [name.slice(1, -1), `_${index.toString(36)}`]));
  const name = new RegExp(`\\b(${[...short.keys()].join("|")})\\b`, "g");
  return {
    text: text.replace(/"(\w+)"/g, (quoted, name) => (short.has(name) ? `"${short.get(name)}"` : quoted)),
    glue: glue.replace(name, (name) => short.get(name)),
  };
}

/**
 * Rewrites both files. `frees`: its objects may end before their instance does, so that the glue stays as it is. Nor is it sent to anybody.
 */
export async function optimise(wasmFile, glueFile, { frees = false } = {}) {
  const textFile = `${wasmFile}.wat`;
  const features = tool("wasm-opt", wasmFile, "--print-features", "--emit-text", "-o", textFile).trim().split(/\s+/);
  const whole = readFileSync(textFile, "utf8");
  const text = frees ? whole : withoutUnneeded(whole);
  const glue = (frees ? [] : unneeded).reduce(
    (rest, pattern) => rest.replace(pattern, ""),
    readFileSync(glueFile, "utf8"),
  );

  const short = shorten(text, glue);
  writeFileSync(textFile, short.text);
  writeFileSync(glueFile, short.glue);
  tool("wasm-opt", textFile, ...features, ...passes, "-o", wasmFile);
  if (!frees) await reorder(wasmFile, textFile, features);
  rmSync(textFile);
}

/** Each order of the functions changes the numbers by which they call each other, and with them what the next is made by. The best stays. */
async function reorder(wasmFile, textFile, features) {
  let best = { size: Number.POSITIVE_INFINITY };
  for (let round = 0; round < ROUNDS; round += 1) {
    tool("wasm-opt", wasmFile, ...features, "--strip-debug", "--emit-text", "-o", textFile);
    order(wasmFile, textFile);
    tool("wasm-opt", textFile, ...features, "--strip-debug", "-o", wasmFile);
    const module = readFileSync(wasmFile);
    const { length: size } = await zopfli.deflateAsync(sort(even(module)), { numiterations: 15 });
    if (size < best.size) best = { size, module };
  }
  writeFileSync(wasmFile, best.module);
}
