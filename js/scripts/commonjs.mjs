// The same files once more for `require`: dist/cjs/, whose package.json says what its .js and .d.ts files are.
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** What is in these folders of `dist`. */
export async function addCommonJs(dist, folders) {
  const cjs = join(dist, "cjs");
  for (const folder of folders) await convert(join(dist, folder), join(cjs, folder));
  cpSync(join(dist, "types"), join(cjs, "types"), { recursive: true });
  writeFileSync(join(cjs, "package.json"), '{ "type": "commonjs", "sideEffects": false }\n');
}

/** File by file, so that the entries go on to share what they share. */
async function convert(from, outdir) {
  await build({
    entryPoints: readdirSync(from)
      .filter((name) => name.endsWith(".js"))
      .map((name) => join(from, name)),
    outdir,
    bundle: true,
    plugins: [{ name: "apart", setup: ({ onResolve }) => onResolve({ filter: /./ }, external) }],
    format: "cjs",
    target: "es2022",
    logLevel: "warning",
  });
  for (const name of readdirSync(outdir).filter((name) => name.endsWith(".js"))) {
    const file = join(outdir, name);
    // Jest gives a file that is required no `import()`. Packages may be modules, which only that can load.
    const text = readFileSync(file, "utf8").replace(
      /\bimport\(("\.{1,2}\/[^"]+")\)/g,
      "Promise.resolve().then(() => require($1))",
    );
    writeFileSync(file, text);
  }
}

const external = ({ kind, path }) => (kind === "entry-point" ? undefined : { path, external: true });
