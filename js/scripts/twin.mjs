// The core as JavaScript, made from the module itself by Binaryen's wasm2js, so that there is one core and not two.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { shorten, tight, tool, unneeded, withoutUnneeded } from "./optimise.mjs";
import { number } from "./order.mjs";

/** What the compiler uses of WebAssembly beyond its first version, with the standard library it links. */
const features = ["bulk-memory", "bulk-memory-opt", "sign-ext", "nontrapping-float-to-int", "mutable-globals"];
// Calls through a table are encoded as they are where there may be several. There is one.
const enabled = [...features, "call-indirect-overlong", "reference-types"].map((name) => `--enable-${name}`);
const lowering = ["--llvm-nontrapping-fptoint-lowering", "--signext-lowering"];

/** For `RUSTFLAGS`, in place of those of .cargo/config.toml: nothing that JavaScript has not. */
export const compilerFlags = "-Ctarget-feature=-reference-types,-multivalue";

/**
 * The module without the note of what it uses: the standard library is compiled for references to JavaScript's values, and the glue would
 * keep them in a table of the module, which JavaScript has not.
 */
export function withoutFeatures(module) {
  const kept = [module.subarray(0, 8)];
  for (let at = 8; at < module.length; ) {
    const size = number(module, at + 1);
    const end = size.end + size.value;
    const name = number(module, size.end);
    const isNote = module[at] === 0 && module.toString("utf8", name.end, name.end + name.value) === "target_features";
    if (!isNote) kept.push(module.subarray(at, end));
    at = end;
  }
  return Buffer.concat(kept);
}

/** A module, given as a file of it or of its text, as a JavaScript module that exports `instantiate`. */
export function translate(file, level, ...passes) {
  const [lowered, made] = [`${file}.lowered.wasm`, `${file}.js`];
  tool("wasm-opt", file, ...enabled, ...lowering, level, ...passes, "-o", lowered);
  tool("wasm2js", lowered, ...enabled, level, "-o", made);
  const text = readFileSync(made, "utf8");
  for (const file of [lowered, made]) rmSync(file);
  const start = /^(import .*;\n)+(?=\n)/.exec(text)?.[0].length;
  const from = text.indexOf("function asmFunc(imports)");
  const to = text.indexOf("\nvar retasmFunc");
  if (!start || from < 0 || to < 0) throw new Error("wasm2js writes its module in another way than it did");
  // A function of its own around all of it: what it keeps beside its instance would be shared by all of them.
  return `export function instantiate(imports) {${text.slice(start, to)}\nreturn { exports: asmFunc(imports) };\n}\n`;
}

/** Puts `twin.js` in the module's place, and makes its glue link that. */
export async function toJavaScript(folder) {
  const wasmFile = join(folder, "tidegate_bg.wasm");
  const glueFile = join(folder, "tidegate.js");
  const textFile = `${wasmFile}.wat`;
  tool("wasm-opt", wasmFile, ...enabled, "--print-features", "--emit-text", "-o", textFile);
  const short = shorten(withoutUnneeded(readFileSync(textFile, "utf8")), linkTwin(readFileSync(glueFile, "utf8")));
  writeFileSync(textFile, short.text);
  writeFileSync(glueFile, short.glue);
  const { code } = await transform(translate(textFile, "-Oz", ...tight), { minify: true, target: "es2022" });
  writeFileSync(join(folder, "twin.js"), code);
  writeFileSync(
    join(folder, "twin.d.ts"),
    "/** Makes an instance of the module that it was made from. */\nexport declare function instantiate(imports: WebAssembly.Imports): WebAssembly.Instance;\n",
  );
  rmSync(textFile);
  rmSync(wasmFile);
}

/**
 * A fresh instance is a call; memory that grew is seen by its buffer, since the old one is not emptied, as WebAssembly's is; without a
 * table to fill there is nothing to start; and an engine without WebAssembly may lack more.
 */
function linkTwin(generated) {
  const glue = replaceEach(
    unneeded.reduce((rest, pattern) => rest.replace(pattern, ""), generated),
    [
      ["new WebAssembly.Instance(wasmModule, __wbg_get_imports())", "wasmModule(__wbg_get_imports())"],
      ["cachedUint8ArrayMemory0.byteLength === 0", "cachedUint8ArrayMemory0.buffer !== wasm.memory.buffer"],
      ["wasm.__wbindgen_start();", ""],
      ["new TextDecoder('utf-8', { ignoreBOM: true })", "newTextDecoder()"],
      ["new TextEncoder()", "newTextEncoder()"],
      ["crypto.getRandomValues(", "fillRandom("],
    ],
  );
  return `import { fillRandom, newTextDecoder, newTextEncoder } from "../../bare.ts";\n${glue}`;
}

/** Generated glue with each of these in place of the other; none may be missing. */
export function replaceEach(glue, pairs) {
  return pairs.reduce((rest, [old, twin]) => {
    if (!rest.includes(old)) throw new Error(`The glue does not say ${old} any more`);
    return rest.replaceAll(old, twin);
  }, glue);
}
