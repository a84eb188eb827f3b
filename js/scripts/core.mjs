// From the Rust core to what the TypeScript imports: js/src/wasm/generated/.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import zopfli from "@gfx/zopfli";
import { optimise } from "./optimise.mjs";
import { cargoTarget, generated, run, withWasm } from "./paths.mjs";

const sources = ["core.mjs", "optimise.mjs"].map((name) => join(import.meta.dirname, name));
export const wasmFile = join(generated, "tidegate_bg.wasm");

/** Compiles the core and its glue. `fast` leaves out what only makes it smaller: for a quick look, not for release. */
export async function buildCore({ fast = false } = {}) {
  const wasm = "wasm32-unknown-unknown";
  const options = ["--quiet", "--lib", "--features=bundle", "--profile=wasm-release", `--target=${wasm}`];
  run(withWasm, ["cargo", "build", ...options]);
  const raw = join(cargoTarget(), wasm, "wasm-release", "tidegate.wasm");
  const tool = execFileSync(withWasm, ["wasm-bindgen", "--version"], { encoding: "utf8" });

  const stamp = join(generated, ".stamp");
  const inputs = [readFileSync(raw), tool, String(fast), ...sources.map((file) => readFileSync(file))];
  const key = inputs.reduce((hash, input) => hash.update(input), createHash("sha256")).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return;

  rmSync(generated, { recursive: true, force: true }); // snippets of earlier builds
  mkdirSync(generated, { recursive: true });
  run(withWasm, [
    "wasm-bindgen",
    raw,
    "--target=web",
    "--omit-default-module-path", // the fallback needs import.meta.url, which many bundlers trip over
    "--experimental-reset-state-function", // a panic ends an instance, not the page
    "--encode-into=always", // as old as WebAssembly in the browsers that have the rest
    "--remove-name-section",
    "--remove-producers-section",
    `--out-dir=${generated}`,
  ]);
  exposeStart();
  if (!fast) optimise(wasmFile, join(generated, "tidegate.js"));
  await inline(fast);
  writeFileSync(stamp, key);
}

/**
 * The host, and the two halves of the glue's own start. Around them it carries ways to fetch a module that this one, being
 * inlined, never needs: they stay out of the bundle when nothing imports them.
 */
function exposeStart() {
  const glue = readFileSync(join(generated, "tidegate.js"), "utf8");
  const [host] = /'[^']*\/host\.js'/.exec(glue);
  const declarations = [
    'export const Engine: { prototype: import("../interface.js").Engine };',
    'export class Host { constructor(sink: Sink); start(core: Core): import("../interface.js").Engine; }',
    "export function __wbg_get_imports(): WebAssembly.Imports;",
    "export function __wbg_finalize_init(instance: WebAssembly.Instance, module: WebAssembly.Module): unknown;",
  ];
  const exports = `export { Engine, Host } from ${host};\nexport { __wbg_get_imports, __wbg_finalize_init };\n`;
  appendFileSync(join(generated, "tidegate.js"), exports);
  appendFileSync(join(generated, "tidegate.d.ts"), `${declarations.join("\n")}\n`);
}

/**
 * The module as text, so that it needs no loader and no path in any bundler. Deflated first, since no server compresses base64
 * well; and as tightly as it goes (5 % under level 9), since nothing compresses it again.
 */
async function inline(fast) {
  const bytes = readFileSync(wasmFile);
  const deflated = fast ? deflateRawSync(bytes) : await zopfli.deflateAsync(bytes, { numiterations: 30 });
  const text = Buffer.from(deflated).toString("base64");
  writeFileSync(join(generated, "inline.js"), `export const compressed = "${text}";\n`);
  writeFileSync(
    join(generated, "inline.d.ts"),
    "/** Base64 of the raw-deflated WebAssembly module. */\nexport declare const compressed: string;\n",
  );
}
