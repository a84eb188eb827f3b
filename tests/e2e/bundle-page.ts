import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

const dist = (file: string) => fileURLToPath(new URL(`../../pkg/dist/${file}`, import.meta.url));

/** The script of a page in `pages/`, with the built package, as a bundler would ship it. */
export async function bundlePage(name: string): Promise<string> {
  const [script] = await bundle(name, {});
  return script?.text ?? "";
}

/** The same in pieces, of which what is imported late loads late: by name, the page's own first. */
export async function splitPage(name: string): Promise<Map<string, string>> {
  const files = await bundle(name, { splitting: true, outdir: "/" });
  return new Map(files.map(({ path, text }) => [basename(path), text]));
}

async function bundle(name: string, how: BuildOptions) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`pages/${name}.tsx`, import.meta.url))],
    alias: {
      "tidegate/react": dist("react.js"),
      "tidegate/devtools": dist("devtools.js"),
      tidegate: dist("index.js"),
    },
    define: { "process.env.NODE_ENV": '"production"' },
    jsx: "automatic",
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    ...how,
  });
  return outputFiles ?? [];
}
