// Builds pkg/, the npm package: the core, its bundles, their types, and the template laid over them.
//   node js/scripts/build.mjs [--dev]     --dev leaves out what only makes the core smaller
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { addCommonJs } from "./commonjs.mjs";
import { buildCore, wasmFileOf } from "./core.mjs";
import { pkg, root, run, source } from "./paths.mjs";

const dist = join(pkg, "dist");
const version = /^version = "(.*)"/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))[1];
const entries = ["index", "react", "slim"];

/**
 * Where those hosts find them that compile no module that they are given: React Native, whose engine knows none, and the runtimes of
 * Cloudflare and Vercel, which forbid it. A module beside them it would only carry, and Next refuses to build what might compile one.
 *
 * No entry imports `core.wasm` there, though Cloudflare's own bundler would compile it: conditions are set by every bundler for such a
 * host, and Vite, Rollup and esbuild stop at such an import unless they are told what it means. Who wants it says so, by `tidegate/slim`.
 */
const plain = "as-javascript";

/**
 * What only some pages load, and late, with copies of the little that it needs of the rest: where it shared files with what loads at
 * once, bundlers would split that in pieces for every page.
 */
const late = {
  "follow-runs": "client/runs/follow-runs.ts",
  calls: "client/calls.ts",
  insight: "client/insight.ts",
};
/** The cores. A page loads one of them, so they share nothing either: not even with each other. Two load with a module. */
const cores = {
  core: "wasm/core.ts",
  packed: "wasm/packed.ts",
  "core-runs": "wasm/core-runs.ts",
  "packed-runs": "wasm/packed-runs.ts",
  "core-js": "wasm/core-js.ts",
  "core-slim": "wasm/core-slim.ts",
};
const leaveIn = (folder) => ({
  name: "late",
  setup: ({ onResolve }) =>
    onResolve({ filter: /\.js$/ }, ({ kind, path }) => {
      const name = basename(path, ".js");
      return kind === "dynamic-import" && (name in late || name in cores)
        ? { path: `${folder}/${name}.js`, external: true }
        : undefined;
    }),
});
const leaveLate = leaveIn(".");

const external = ["react", "react/*", "superjson", "tidegate"];

async function bundle() {
  const entryPoints = entries.map((name) => join(source, `${name}.ts`));
  await bundleFiles({ entryPoints, plugins: [leaveLate] });
  await bundleFiles(
    { entryPoints, plugins: [leaveIn("..")], outdir: join(dist, plain) },
    { TIDEGATE_COMPILES: "false" },
  );
  // With copies of what it shares: no browser loads it, and none should load more files on its account.
  await bundleFiles({ entryPoints: [join(source, "server.ts")] });
  await bundleFiles({ entryPoints: [join(source, "devtools.ts")], plugins: [leaveLate] });
  // The one module of Node's that Bun and Deno have as well, and nothing on the web does.
  const task = { entryPoints: [join(source, "task.ts")], external: [...external, "node:async_hooks"] };
  await bundleFiles({ ...task, plugins: [leaveLate] });
  await bundleFiles({
    entryPoints: Object.entries(late).map(([out, file]) => ({ in: join(source, file), out })),
  });
  for (const [out, file] of Object.entries(cores))
    await bundleFiles(
      { entryPoints: [{ in: join(source, file), out }], minify: out === "core-js" },
      { TIDEGATE_RUNS: String(out !== "core") },
    );
  separateInstances("core-js", "");
  separateInstances("core-slim", "...arguments");
  for (const folder of [dist, join(dist, plain)]) {
    for (const name of readdirSync(folder).filter((name) => name.endsWith(".js"))) dropBareImports(join(folder, name));
  }
  for (const name of ["react.js", "devtools.js", `${plain}/react.js`]) {
    mergeImports(join(dist, name));
    if (!/^\s*"use client"/.test(readFileSync(join(dist, name), "utf8"))) {
      throw new Error(`dist/${name} must begin with "use client", or server components cannot import it`);
    }
  }
}

async function bundleFiles(what, define) {
  const { warnings } = await build({
    outdir: dist,
    bundle: true,
    splitting: true, // the core stays behind its dynamic import, in a chunk of its own
    chunkNames: "[name]-[hash]",
    format: "esm",
    platform: "browser", // a Node built-in is an error
    target: "es2022",
    supported: { "import-meta": false, "top-level-await": false }, // what bundlers disagree on
    // The glue's clean-up after objects that nobody holds: the one there is lives as long as its page.
    // And what says for whom the application is built stays for its own bundler to fill in.
    define: {
      "process.env.NODE_ENV": "process.env.NODE_ENV",
      FinalizationRegistry: "undefined",
      "Symbol.dispose": "undefined",
      TIDEGATE_VERSION: JSON.stringify(version),
      TIDEGATE_COMPILES: "true",
      ...define,
    },
    external,
    minifySyntax: true, // constants where their names are, which an application's bundler would not put there any more
    logLevel: "warning",
    ...what,
  });
  if (warnings.length > 0) process.exit(1);
}

/**
 * Makes a core of a file with one instance into one with as many as are started: the glue keeps its instance in the variables of its
 * file. Where each request of a server has to have its own, those that nobody uses any more go as other objects do.
 */
function separateInstances(name, given) {
  const file = join(dist, `${name}.js`);
  const code = readFileSync(file, "utf8");
  const [tail, start = "startCore"] = /export\s*\{\s*(?:(\w+) as )?startCore\s*\};?\s*$/.exec(code) ?? [];
  if (!tail || /^import\b/m.test(code)) throw new Error(`${file} is not one file with one export any more`);
  const body = code.slice(0, -tail.length);
  writeFileSync(file, `export function startCore(){${body}return ${start}(${given})}\n`);
}

/** Imports of chunks from which nothing is used. The package says that none does anything by itself, so bundlers warn of these. */
function dropBareImports(file) {
  writeFileSync(file, readFileSync(file, "utf8").replace(/^import "\.\/[^"]+";\n/gm, ""));
}

/**
 * One import of React, and one name for each thing in it, where esbuild leaves an import per module: bundlers that do not bundle
 * React keep every one of them.
 */
function mergeImports(file) {
  const names = new Set();
  const aliases = new Map();
  const rest = readFileSync(file, "utf8").replace(/^import \{([^}]*)\} from "react";\n/gm, (_, list) => {
    for (const [, name, alias] of list.matchAll(/(\w+)(?: as (\w+))?/g)) {
      names.add(name);
      if (alias) aliases.set(alias, name);
    }
    return "";
  });
  const merged = `import { ${[...names].join(", ")} } from "react";\n`;
  // Nothing else has such a name: it was made to be the only one.
  const renamed = rest.replace(/\b[a-zA-Z]+\d+\b/g, (name) => aliases.get(name) ?? name);
  writeFileSync(
    file,
    renamed.replace(/^"use client";\n/, (first) => first + merged),
  );
}

function layTemplate() {
  cpSync(join(root, "pkg-template"), pkg, { recursive: true });
  rmSync(join(pkg, "size-budget.json")); // ours, not the users'
  copyFileSync(join(root, "LICENSE"), join(pkg, "LICENSE"));
  mkdirSync(join(pkg, "docs"), { recursive: true });
  for (const page of ["migration.md", "troubleshooting.md"]) cpSync(join(root, "docs", page), join(pkg, "docs", page));
  copyFileSync(wasmFileOf("core-runs"), join(dist, "core.wasm"));
  const manifest = JSON.parse(readFileSync(join(pkg, "package.json"), "utf8"));
  manifest.version = version;
  manifest.files.push(...leaveSigns(manifest));
  writeFileSync(join(pkg, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * Folders for those who look for `tidegate/react` as for a file, past `exports`: Parcel, the older ways of TypeScript and Jest, and Metro, which
 * reads `exports` but takes a folder with a package.json for a package of its own.
 */
function leaveSigns({ exports }) {
  const names = Object.keys(exports).flatMap((path) => (exports[path].import && path !== "." ? [path.slice(2)] : []));
  for (const name of names) {
    const { import: modules, require, "react-native": phone } = exports[`./${name}`];
    const from = (file) => `.${file}`;
    const sign = {
      main: from(require.default),
      module: from(modules.default),
      types: from(require.types),
      ...(phone && { "react-native": from(phone.import.default) }),
      sideEffects: false,
    };
    mkdirSync(join(pkg, name), { recursive: true });
    writeFileSync(join(pkg, name, "package.json"), `${JSON.stringify(sign, null, 2)}\n`);
  }
  return names;
}

await buildCore({ fast: process.argv.includes("--dev") });
// Emptied, not removed: a development server may be watching the folder.
mkdirSync(dist, { recursive: true });
for (const name of readdirSync(dist)) rmSync(join(dist, name), { recursive: true });
await bundle();
run("node_modules/.bin/tsc", ["--project", "js/scripts/tsconfig.types.json"]);
await addCommonJs(dist, [".", plain]);
layTemplate();
