// One application, built by each bundler without a word of configuration for Tidegate. Each resolves to the warnings it was given.
import { once } from "node:events";
import { cpSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { start } from "../../.ci/processes.mjs";

const here = import.meta.dirname;
export const apps = join(here, "apps");
const entry = join(apps, "entry.js");
const require = createRequire(import.meta.url);

const vite = (name, plugin) => async (out) => {
  const [{ build, createLogger }, { default: react }] = await Promise.all([import(name), import(plugin)]);
  const warnings = [];
  const customLogger = { ...createLogger("warn"), warn: (warning) => warnings.push(warning) };
  const folders = { root: apps, cacheDir: `${out}-cache`, build: { outDir: out, emptyOutDir: true } };
  await build({ ...folders, configFile: false, customLogger, plugins: [react()] });
  return warnings;
};

/** webpack and Rspack, which take the same configuration. */
const webpackLike = (name) => (out) =>
  new Promise((settle, reject) => {
    const bundler = require(name);
    const compiler = bundler({ mode: "production", context: apps, entry, output: { path: out, filename: "entry.js" } });
    compiler.run((failure, stats) => {
      compiler.close(() => {});
      if (failure) return reject(failure);
      const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
      if (errors.length > 0) return reject(new Error(errors[0].message));
      writePage(out);
      // How an application should be cut is not the package's news.
      settle(
        warnings
          .map(({ message }) => message)
          .filter((message) => !/^webpack performance|^(asset|entrypoint) size limit/.test(message)),
      );
    });
  });

async function esbuild(out) {
  const { build } = await import("esbuild");
  const { warnings } = await build({
    entryPoints: [entry],
    outdir: out,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "silent",
  });
  writePage(out);
  return warnings.map(({ text }) => text);
}

async function parcel(out) {
  const { Parcel } = await import("@parcel/core");
  const bundler = new Parcel({
    entries: join(apps, "index.html"),
    defaultConfig: require.resolve("@parcel/config-default"),
    mode: "production",
    shouldDisableCache: true,
    cacheDir: `${out}-cache`,
    defaultTargetOptions: { distDir: out, publicUrl: "./", shouldOptimize: true, sourceMaps: false },
    env: { NODE_ENV: "production" },
  });
  const { diagnostics = [] } = await bundler.run();
  return (diagnostics ?? []).map(({ message }) => message);
}

/** Next writes its output beside its sources. */
const next = (bundler) => async () => {
  const output = await collect(nextProgram, ["build", nextFolder, `--${bundler}`], nextEnvironment(bundler));
  return output.split("\n").filter((line) => /warn|⚠|deprecat/i.test(line) && !known.test(line));
};
/** On a machine that builds for others Next misses the cache of an earlier build. Of what runs at the edge it says that it is that. */
const known = /No build cache|edge runtime/i;
export const nextProgram = join(here, "node_modules/next/dist/bin/next");
export const nextFolder = join(apps, "next");
export const nextEnvironment = (bundler) => ({
  NODE_ENV: "production",
  NEXT_TELEMETRY_DISABLED: "1",
  BUNDLER: bundler,
});

/** What a script prints; rejects with it where the script fails. */
export async function collect(script, parameters, env) {
  const child = start(process.execPath, [script, ...parameters], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(output.trim());
  return output;
}

function writePage(out) {
  mkdirSync(out, { recursive: true });
  cpSync(join(apps, "index.html"), join(out, "index.html"));
}

export const builders = {
  "vite-7": vite("vite-7", "vite-7-plugin-react"),
  "vite-8": vite("vite", "@vitejs/plugin-react"),
  webpack: webpackLike("webpack"),
  rspack: webpackLike("@rspack/core"),
  esbuild,
  parcel,
  "next-webpack": next("webpack"),
  "next-turbopack": next("turbopack"),
};
