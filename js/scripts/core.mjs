// From the Rust core to what the TypeScript imports: js/src/wasm/generated/.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import zopfli from "@gfx/zopfli";
import { optimise } from "./optimise.mjs";
import { cargoTarget, generated, run, source, withWasm } from "./paths.mjs";
import { even, sort } from "./sort.mjs";
import { compilerFlags, toJavaScript, withoutFeatures } from "./twin.mjs";

const sources = ["core.mjs", "optimise.mjs", "order.mjs", "sort.mjs", "twin.mjs"].map((name) =>
  join(import.meta.dirname, name),
);

/** What is made of the crate, each from its features into a folder of its name: `js/src/wasm/generated/<name>/`. */
const variants = [
  // Sends and reads. Most pages need no more, and 4 kB less.
  { name: "core", features: "bundle" },
  // And follows runs, and calls.
  { name: "core-runs", features: "bundle,runs" },
  // All of it as JavaScript, for pages and browsers that refuse WebAssembly.
  { name: "core-js", features: "bundle,runs", twin: true },
  // Its objects are freed: a process that runs tasks makes them for each run. No browser loads it, so it comes as it is, and starts
  // without waiting: a task may ask what there is before anything has been awaited.
  { name: "task", features: "bundle,task", frees: true, plain: true },
];

export const folderOf = (name) => join(generated, name);
export const wasmFileOf = (name) => join(folderOf(name), "tidegate_bg.wasm");

/** Compiles what is imported, with its glue. `fast` leaves out what only makes it smaller: for a quick look, not for release. */
export async function buildCore({ fast = false } = {}) {
  const wanted = variants.filter(({ name }) => isImported(name));
  mkdirSync(generated, { recursive: true });
  for (const name of readdirSync(generated)) {
    if (!wanted.some((variant) => variant.name === name)) rmSync(join(generated, name), { recursive: true });
  }
  for (const variant of wanted) await buildVariant(variant, fast);
}

/** Whether anything in `js/src` says `generated/<name>/`: what nothing loads is not made. */
function isImported(name) {
  return readdirSync(source, { recursive: true })
    .filter((file) => /\.tsx?$/.test(file) && !/\.test\.|\.d\.ts$/.test(file))
    .some((file) => readFileSync(join(source, file), "utf8").includes(`generated/${name}/`));
}

async function buildVariant({ name, features, frees, plain, twin }, fast) {
  const wasm = "wasm32-unknown-unknown";
  const options = ["--quiet", "--lib", "--profile=wasm-release", `--target=${wasm}`];
  const env = twin && { RUSTFLAGS: compilerFlags };
  run(withWasm, ["cargo", "build", ...options, "--no-default-features", `--features=${features}`], env);
  const raw = join(cargoTarget(), wasm, "wasm-release", "tidegate.wasm");
  const tool = execFileSync(withWasm, ["wasm-bindgen", "--version"], { encoding: "utf8" });

  const folder = folderOf(name);
  const stamp = join(folder, ".stamp");
  const inputs = [readFileSync(raw), tool, String(fast), ...sources.map((file) => readFileSync(file))];
  const key = inputs.reduce((hash, input) => hash.update(input), createHash("sha256")).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === key) return;

  rmSync(folder, { recursive: true, force: true }); // snippets of earlier builds
  mkdirSync(folder);
  const linked = join(folder, "tidegate.wasm");
  writeFileSync(linked, twin ? withoutFeatures(readFileSync(raw)) : readFileSync(raw));
  run(withWasm, [
    "wasm-bindgen",
    linked,
    "--target=web",
    "--omit-default-module-path", // the fallback needs import.meta.url, which many bundlers trip over
    "--experimental-reset-state-function", // a panic ends an instance, not the page
    "--encode-into=always", // as old as WebAssembly in the browsers that have the rest
    "--remove-name-section",
    "--remove-producers-section",
    `--out-dir=${folder}`,
  ]);
  rmSync(linked);
  exposeStart(folder);
  if (twin) await toJavaScript(folder);
  else {
    if (!fast) await optimise(wasmFileOf(name), join(folder, "tidegate.js"), { frees });
    await inline(folder, { fast, plain });
  }
  writeFileSync(stamp, key);
}

/**
 * The host, if it has one, and the two halves of the glue's own start. Around them it carries ways to fetch a module that this one,
 * being inlined, never needs: they stay out of the bundle when nothing imports them.
 */
function exposeStart(folder) {
  const glue = readFileSync(join(folder, "tidegate.js"), "utf8");
  const [host] = /'[^']*\/host\.js'/.exec(glue) ?? [];
  const declarations = [
    "export function __wbg_get_imports(): WebAssembly.Imports;",
    "export function __wbg_finalize_init(instance: WebAssembly.Instance, module: WebAssembly.Module): unknown;",
  ];
  const exports = ["export { __wbg_get_imports, __wbg_finalize_init };"];
  if (host) {
    exports.push(`export { createHost } from ${host};`);
    declarations.push(
      'export function createHost(sink: Sink, request?: (url: string, init: never) => Promise<unknown>): { start(core: Core): import("../../interface.js").Engine };',
    );
  }
  appendFileSync(join(folder, "tidegate.js"), `${exports.join("\n")}\n`);
  appendFileSync(join(folder, "tidegate.d.ts"), `${declarations.join("\n")}\n`);
}

/**
 * The module as text, so that it needs no loader and no path in any bundler. Sorted and deflated first, since no server compresses
 * base64 well; and as tightly as it goes (5 % under level 9), since nothing compresses it again.
 */
async function inline(folder, { fast, plain }) {
  const file = join(folder, "tidegate_bg.wasm");
  if (plain) {
    writeFileSync(join(folder, "module.js"), `export const module = "${readFileSync(file, "base64")}";\n`);
    writeFileSync(
      join(folder, "module.d.ts"),
      "/** Base64 of the WebAssembly module. */\nexport declare const module: string;\n",
    );
    return;
  }
  const module = even(readFileSync(file));
  writeFileSync(file, module);
  const sorted = sort(module);
  const deflated = fast ? deflateRawSync(sorted) : await zopfli.deflateAsync(sorted, { numiterations: 200 });
  writeFileSync(
    join(folder, "inline.js"),
    `export const compressed = "${Buffer.from(deflated).toString("base64")}";\n`,
  );
  writeFileSync(
    join(folder, "inline.d.ts"),
    "/** Base64 of the WebAssembly module, sorted and deflated. */\nexport declare const compressed: string;\n",
  );
}
