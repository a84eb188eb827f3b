import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const dist = (file: string) => fileURLToPath(new URL(`../../pkg/dist/${file}`, import.meta.url));

/** The script of a page in `pages/`, with the built package, as a bundler would ship it. */
export async function bundlePage(name: string): Promise<string> {
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
  });
  return outputFiles[0]?.text ?? "";
}
