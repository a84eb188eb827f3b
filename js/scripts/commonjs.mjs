// The same files once more for `require`: dist/cjs/, whose package.json says what its .js and .d.ts files are.
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** File by file, so that the entries go on to share what they share. */
export async function addCommonJs(dist) {
  const outdir = join(dist, "cjs");
  await build({
    entryPoints: readdirSync(dist)
      .filter((name) => name.endsWith(".js"))
      .map((name) => join(dist, name)),
    outdir,
    bundle: true,
    plugins: [{ name: "apart", setup: ({ onResolve }) => onResolve({ filter: /./ }, external) }],
    format: "cjs",
    target: "es2022",
    logLevel: "warning",
  });
  for (const name of readdirSync(outdir)) {
    const file = join(outdir, name);
    // Jest gives a file that is required no `import()`. Packages may be modules, which only that can load.
    const text = readFileSync(file, "utf8").replace(
      /\bimport\(("\.\/[^"]+")\)/g,
      "Promise.resolve().then(() => require($1))",
    );
    writeFileSync(file, text);
  }
  cpSync(join(dist, "types"), join(outdir, "types"), { recursive: true });
  writeFileSync(join(outdir, "package.json"), '{ "type": "commonjs", "sideEffects": false }\n');
}

const external = ({ kind, path }) => (kind === "entry-point" ? undefined : { path, external: true });
