// The packed package, installed in small real applications: built, served, and used in Chromium as a person would; and programs of
// Node, Bun and Deno.
//   node tests/packaging/run.mjs [NAME...]     the applications of those names (or of APP=); all of them when none is named
// Each takes what `npm pack` made of pkg/, and nothing from the project around it.
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { root, run, serve, serveApi, start } from "../../.ci/processes.mjs";
import { apps, builders, collect, nextEnvironment, nextFolder, nextProgram } from "./builders.mjs";
import { bundle, runBundle } from "./react-native.mjs";
import { runtimes } from "./runtimes.mjs";
import { openSite } from "./site.mjs";
import { closeBrowser, visit, visitFirstPage } from "./visit.mjs";

const secret = "tr_dev_packaging";
const here = import.meta.dirname;
const { default: workerdProgram } = createRequire(import.meta.url)("workerd");
const target = join(root, "target/packaging");

async function install() {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"];
  const packed = await run("npm", ["pack", join(root, "pkg"), "--pack-destination", target, "--silent"]);
  const [tarball] = readdirSync(target);
  if (!packed || !tarball) throw new Error("pkg/ cannot be packed. Run: make build");
  // Not saved: the lock file is of what others publish.
  if (
    !(await run("npm", ["install", "--no-save", "--prefer-offline", ...quiet, "--prefix", here, join(target, tarball)]))
  )
    throw new Error("The package cannot be installed.");
}

// Applications in the browser

const strict = "script-src 'self'";
const policies = { "with WebAssembly": `${strict} 'wasm-unsafe-eval'`, "without WebAssembly": strict };
/** What writes scripts into its pages: Next its data, Parcel an import map. */
const inlines = (name) => name === "parcel" || name.startsWith("next-");
const relaxed = (policy) => `${policy} 'unsafe-inline'`;

/** A run that waits to be approved, and a token to do it with. */
async function startRun(topic) {
  const { auth, trigger } = await backend();
  const { id } = await trigger("approval", { topic });
  const token = await auth.createPublicToken({ scopes: { read: { runs: id }, write: { inputStreams: id } } });
  return { run: id, token };
}

async function checkPage(name, address, policy) {
  const parameters = new URLSearchParams({ api: api.address, ...(await startRun(name)) });
  const { complaints, started, violations } = await visit(`${address}/?${parameters}`);
  const refused = policy === strict;
  // A page that is refused the first try makes no second one, and runs on JavaScript.
  if (started !== (refused ? 0 : 1)) complaints.push(`${started} modules were started`);
  if (violations > (refused ? 1 : 0)) complaints.push(`the policy was violated ${violations} times`);
  return complaints;
}

const backend = async () => {
  const { createBackend } = await import("tidegate/server");
  return createBackend({ baseURL: api.address, secretKey: secret });
};

/** The modules of the package are long texts, with the file that each is in. */
function modulesInPackage() {
  const sources = files(join(here, "node_modules/tidegate/dist")).filter((file) => !file.includes("/cjs/"));
  return sources.flatMap((file) =>
    [...readFileSync(file, "utf8").matchAll(/[A-Za-z0-9+/]{20000,}={0,2}/g)].map(([text]) => [text, file]),
  );
}

/** Each may be in one file of what a bundler writes, and has to be in one. */
function checkCopies(out) {
  const built = files(out).map((file) => readFileSync(file, "utf8"));
  return modulesInPackage().flatMap(([text, file]) => {
    const copies = built.filter((content) => content.includes(text)).length;
    return copies > 1 ? [`${copies} copies of ${file}`] : [];
  });
}

/** The modules, in what is for hosts that compile none. */
function checkForModules(file) {
  const built = readFileSync(file, "utf8");
  const carried = modulesInPackage().filter(([text]) => built.includes(text));
  return carried.map(([, source]) => `${file} carries the module of ${source}`);
}

const files = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".js"))
    .map((entry) => join(entry.parentPath, entry.name));

/** What a page is before a browser has it: the server asks nobody for anything. */
async function checkServerRender(address) {
  let asked = 0;
  const counter = await openSite(target, () => {
    asked += 1;
  });
  const html = await (
    await fetch(`${address}/?${new URLSearchParams({ api: counter.address, run: "run_1", token: "t" })}`)
  ).text();
  counter.close();
  const problems = html.includes('<p id="sent">idle</p>') ? [] : ["the server did not render the page"];
  return asked > 0 ? [...problems, `the server asked ${asked} times`] : problems;
}

async function tryPage(name) {
  const out = join(target, name);
  const problems = (await builders[name](out)).map((warning) => `warning: ${warning}`);
  const bundler = name.startsWith("next-") ? name.slice(5) : undefined;
  const next =
    bundler &&
    (await serve(process.execPath, [nextProgram, "start", nextFolder, "--port", "0"], {
      ...nextEnvironment(bundler),
      ...triggerEnvironment(),
    }));
  const site = await openSite(next?.address ?? out);
  const checkPolicies = async () => {
    for (const [when, policy] of Object.entries(policies)) {
      site.policy = inlines(name) ? relaxed(policy) : policy;
      problems.push(...(await checkPage(name, site.address, policy)).map((problem) => `${when}: ${problem}`));
    }
  };
  try {
    problems.push(...checkCopies(bundler ? join(nextFolder, `.next-${bundler}/static`) : out));
    const atServer = next ? [checkServerRender(site.address), checkEdge(`${next.address}/api/edge`, "js")] : [];
    problems.push(...(await Promise.all([...atServer, checkPolicies()])).flatMap((found) => found ?? []));
  } finally {
    site.close();
    next?.stop();
  }
  return problems;
}

/** What the README makes of a fresh Vite application, for this server. */
async function tryReadme() {
  const out = join(target, "readme");
  const readme = readFileSync(join(root, "README.md"), "utf8");
  for (const [, name, code] of readme.matchAll(/^```tsx?\n\/\/ (\S+\.tsx?)\n(.*?)^```$/gms)) {
    mkdirSync(dirname(join(out, name)), { recursive: true });
    writeFileSync(
      join(out, name),
      code.replace("http://127.0.0.1:3030", api.address).replace("tr_dev_tidegate", secret),
    );
  }
  // What `npm create vite` brings.
  cpSync(join(apps, "readme"), out, { recursive: true });
  symlinkSync(join(here, "node_modules"), join(out, "node_modules"));
  const { createServer } = await import("vite");
  const server = await createServer({ root: out, logLevel: "error", server: { host: "127.0.0.1", port: 0 } });
  await server.listen();
  try {
    return await visitFirstPage(server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
}

// Applications in Node

async function tryScript(script, ...parameters) {
  const output = await collect(script, parameters, surroundings());
  return output.trim() === "published" ? [] : [output];
}

async function tryVitest() {
  const vitest = join(here, "node_modules/vitest/vitest.mjs");
  const folder = join(apps, "vitest");
  await collect(vitest, ["run", "--root", folder], { ...surroundings(), NODE_ENV: "test" });
  return [];
}

/** Cloudflare's runtime, which compiles no module and says so. */
async function tryWorkerd(script, engine) {
  const out = join(target, `workerd-${script}`);
  await build({
    entryPoints: [join(apps, `workerd/${script}.js`)],
    outfile: join(out, "worker.bundle.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    external: ["*.wasm"],
  });
  cpSync(join(here, "node_modules/tidegate/dist/core.wasm"), join(out, "core.wasm"));
  cpSync(join(apps, "workerd/config.capnp"), join(out, "config.capnp"));
  const workerd = start(workerdProgram, ["serve", join(out, "config.capnp"), "--control-fd=1"], {
    env: triggerEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [told] = await once(workerd.stdout, "data");
  const problems = await checkEdge(`http://127.0.0.1:${JSON.parse(told).port}`, engine);
  workerd.kill();
  return [...problems, ...checkForModules(join(out, "worker.bundle.js"))];
}

/** Two requests at a time, and one after them: what one of them has begun ends with it, and must be missed by no other. */
async function checkEdge(address, engine) {
  const wanted = JSON.stringify({ status: "COMPLETED", written: true, engine });
  const ask = async () => (await fetch(address)).text();
  const answers = [...(await Promise.all([ask(), ask()])), await ask()];
  return answers.filter((answer) => answer !== wanted);
}

// Applications on a phone

let bundled;

/** With React Native's own `fetch`, or with one that streams. */
async function tryReactNative(likeExpo) {
  bundled ??= bundle(join(target, "react-native"));
  const { file, warnings } = await bundled;
  const runs = await Promise.all(["screen", "client"].map(startRun));
  const [screen, page] = runs.map((run) => ({ api: api.address, ...run }));
  const { told, printed } = await runBundle(file, screen, page, likeExpo);
  const problems = [...warnings.map((warning) => `warning: ${warning}`), ...printed.map((line) => `printed: ${line}`)];
  const { status, written, engine } = told;
  problems.push(...checkForModules(file));
  if (status !== "COMPLETED" || !written || engine !== "js") problems.push(told.error ?? JSON.stringify(told));
  return problems;
}

const triggerEnvironment = () => ({ TRIGGER_API_URL: api.address, TRIGGER_SECRET_KEY: secret });
const surroundings = () => ({ TIDEGATE_URL: api.address, TIDEGATE_SECRET_KEY: secret });

const applications = {
  ...Object.fromEntries(Object.keys(builders).map((name) => [name, () => tryPage(name)])),
  readme: tryReadme,
  "node-esm": () => tryScript(join(apps, "node/esm.mjs")),
  "node-commonjs": () => tryScript(join(apps, "node/cjs.cjs")),
  ...Object.fromEntries(
    Object.entries(runtimes).map(([name, attempt]) => [name, () => attempt(api.address, secret, target)]),
  ),
  "vitest-jsdom": tryVitest,
  workerd: () => tryWorkerd("plain", "js"),
  "workerd-slim": () => tryWorkerd("slim", "wasm"),
  "react-native": () => tryReactNative(false),
  "react-native-expo": () => tryReactNative(true),
};

const chosen = [...process.argv.slice(2), ...(process.env.APP ? [process.env.APP] : [])];
const names = Object.keys(applications).filter((name) => chosen.length === 0 || chosen.includes(name));
await install();
const api = await serveApi(0, { TIDEGATE_SECRET_KEY: secret });
let failed = 0;
for (const name of names) {
  const began = performance.now();
  const problems = await applications[name]().catch((error) => [error.stack]);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${problems.length ? "FAILED" : "ok    "}  ${name.padEnd(17)} ${seconds.padStart(5)} s`);
  for (const problem of problems) console.log(`        ${problem}`);
  failed += Math.sign(problems.length);
}
await closeBrowser();
await api.stop();
console.log(`${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
