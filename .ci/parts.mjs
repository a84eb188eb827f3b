// What `make test`, `make check` and `.ci/run` run.
//   node .ci/parts.mjs test | check | NAME...

import { homedir } from "node:os";
import { join } from "node:path";
import { apiProgram, binary, buildApi, portIsFree, serveApi, withS2 } from "./processes.mjs";
import { runParts } from "./runner.mjs";

const withWasm = ".ci/with-wasm";
const wasm = "--target=wasm32-unknown-unknown";

// The address is compiled into the browser tests, so it is the same every time: a changing one would compile them anew.
const webPort = Number(process.env.TIDEGATE_TEST_PORT ?? 43117);
async function withWebServer(body) {
  if (!(await portIsFree(webPort))) throw new Error(`Port ${webPort} is taken; set TIDEGATE_TEST_PORT to a free one.`);
  const server = await serveApi(webPort, {});
  await body().finally(server.stop);
}

// Which browsers run the tests of the shell: BROWSERS=chrome,firefox,webkit
const flags = {
  chrome: { flag: "--chrome" },
  firefox: { flag: "--firefox" },
  // Debian's WebKit has a driver and no mode without a screen.
  webkit: { flag: "--safari", before: ["xvfb-run", "-a"], after: ["--safaridriver", "/usr/bin/WebKitWebDriver"] },
};
const browsers = (process.env.BROWSERS || "chrome").split(",");
for (const browser of browsers) {
  if (!flags[browser]) throw new Error(`No browser is called ${browser}: ${Object.keys(flags).join(", ")}`);
}

function browserPart(browser, engine = process.env.ENGINE) {
  const { flag, before = [], after = [] } = flags[browser];
  const wasmPack = ["wasm-pack", "test", "--mode", "no-install", "--headless", flag, ...after, ".", "--test", "web"];
  const command = engine === "js" ? ["node", "tests/web/as-javascript.mjs", browser] : [withWasm, ...wasmPack];
  return {
    name: browser === "chrome" ? "browser" : `browser-${browser}`,
    counts: true,
    command: [...before, ...command],
    around: withWebServer,
    env: {
      TIDEGATE_TEST_SERVER: `http://127.0.0.1:${webPort}`,
      WASM_BINDGEN_TEST_WEBDRIVER_JSON: join(import.meta.dirname, "webdriver.json"),
      WASM_BINDGEN_TEST_TIMEOUT: "120",
      WASM_BINDGEN_TEST_DRIVER_TIMEOUT: "60",
    },
  };
}

const pkg = { name: "package", command: ["node", "js/scripts/build.mjs"] };

const e2e = (name, env, ...chosen) => ({
  name,
  counts: true,
  command: ["npm", "run", "--silent", "test", "--workspace=tests/e2e", ...(chosen.length ? ["--", ...chosen] : [])],
  env: { TIDEGATE_DEV: apiProgram, ...env },
});

// Of the suites that run on WebAssembly, once more as JavaScript: what a page is most likely to do. All of them, and once: ENGINE=js.
const asJavaScript = [
  { ...browserPart("chrome", "js"), name: "browser-js" },
  { name: "faults-js", counts: true, command: ["node", "tests/faults/run.mjs"], env: { ENGINE: "js" } },
  e2e("e2e-js", { ENGINE: "js" }, "approval", "panel", "progress", "reconnect"),
];

const test = [
  { name: "rust", counts: true, command: ["cargo", "test", "--workspace", "--no-fail-fast"] },
  ...browsers.map((browser) => browserPart(browser)),
  pkg,
  { name: "vitest", counts: true, command: ["npm", "run", "--silent", "test", "--workspace=js"] },
  {
    name: "compat",
    counts: true,
    command: ["npm", "run", "--silent", "test", "--prefix", "tests/compat"],
    around: (body) => buildApi().then(body),
    env: { TIDEGATE_DEV: apiProgram },
  },
  { name: "contract", counts: true, command: ["node", "tests/contract/run.mjs"] },
  { name: "packaging", counts: true, command: ["node", "tests/packaging/run.mjs"] },
  { name: "faults", counts: true, command: ["node", "tests/faults/run.mjs"] },
  { name: "crash", counts: true, command: ["node", "tests/crash/run.mjs"] },
  e2e("e2e"),
  ...(process.env.ENGINE === "js" ? [] : asJavaScript),
];

const check = [
  { name: "format", command: ["cargo", "fmt", "--all", "--check"] },
  { name: "clippy", command: ["cargo", "clippy", "--workspace", "--all-targets", "--quiet", "--", "-Dwarnings"] },
  {
    name: "clippy-wasm",
    command: [withWasm, "cargo", "clippy", wasm, "--lib", "--test=web", "--quiet", "--", "-Dwarnings"],
  },
  ...["bundle", "bundle,runs", "bundle,task"].map((features) => ({
    name: `clippy-${features.replace(",", "-")}`,
    command: [
      ...[withWasm, "cargo", "clippy", wasm, "--lib", "--no-default-features", `--features=${features}`, "--quiet"],
      ...["--", "-Dwarnings"],
    ],
  })),
  {
    name: "rustdoc",
    command: ["cargo", "doc", "--workspace", "--no-deps", "--quiet"],
    env: { RUSTDOCFLAGS: "-Dwarnings" },
  },
  pkg,
  { name: "wasm-imports", command: ["node", ".ci/wasm-imports.mjs"] },
  { name: "reference", command: ["node", ".ci/docs.mjs", "--check"] },
  { name: "examples", command: ["node", ".ci/examples.mjs"] },
  { name: "types", command: ["npm", "run", "--silent", "types"] },
  { name: "biome", command: [binary("biome"), "check", "--error-on-warnings", "."] },
  { name: "exports", command: [binary("publint"), "pkg", "--strict"] },
  {
    name: "exports-types",
    command: [binary("attw"), "--pack", "pkg", "--exclude-entrypoints", "core.wasm"],
  },
  { name: "licences", command: ["node", ".ci/licences.mjs"] },
  { name: "advisories", command: ["bash", ".ci/advisories"] },
  { name: "shell", command: ["bash", ".ci/shell"] },
  { name: "runner", command: ["node", "--test", ".ci/runner.test.mjs"] },
  { name: "size", command: ["node", "js/scripts/size.mjs"] },
];

const sim = [
  {
    name: "sim",
    counts: true,
    command: ["cargo", "test", "--release", "--test", "proto"],
    env: { TIDEGATE_SEEDS: process.env.SEEDS || "10000" },
  },
];

// What it has found is in tests/fuzz/corpus, which `rust` replays.
const fuzz = [{ name: "fuzz", counts: true, command: ["node", ".ci/fuzz.mjs"] }];

// The same suites over streams at S2. Left out is what asks for a quiet of minutes, for pings on the second, for a clock that jumps, or for a
// server without S2.
const s2Lite =
  process.env.S2_LITE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "tidegate/bin/s2-lite");
const s2Port = Number(process.env.TIDEGATE_S2_PORT ?? 43118);
const s2Env = {
  TIDEGATE_STREAMS: "s2",
  TIDEGATE_S2_ENDPOINT: `http://127.0.0.1:${s2Port}`,
  TIDEGATE_S2_BASIN: "tidegate-suites",
  TIDEGATE_DEV: apiProgram,
};
const notOverS2 = [
  "backlog_then_ping_then_live_then_done",
  "time_outs_are_checked",
  "create_names_no_log_service",
  "a_run_whose_last_attempt_vanishes",
];
const serverTests = [
  "console::",
  "read::",
  "send::",
  "streams::",
  "tasks::",
  "workers",
  "write::",
  ...notOverS2.flatMap((name) => ["--skip", name]),
];
// Twenty tasks that write at once keep a debug build of s2-lite busy, and the milliseconds are then its own.
const timesServer = "twenty streams leave room";
const onS2 = (name, command) => ({
  name: `s2-${name}`,
  counts: true,
  command,
  around: (body) => buildApi().then(() => withS2(s2Lite, s2Port, s2Env.TIDEGATE_S2_BASIN, body)),
  env: s2Env,
});
const s2 = [
  onS2("server", ["cargo", "test", "--package=tidegate-dev-server", "--test=server", "--", ...serverTests]),
  onS2("contract", ["node", "tests/contract/run.mjs", "--slow"]),
  pkg,
  onS2("vitest", ["npm", "run", "--silent", "test", "--workspace=js", "--", "integration"]),
  onS2("client", [
    "npm",
    "exec",
    "--prefix=tests/compat",
    "--",
    "vitest",
    "run",
    "--root=tests/compat",
    "--project=client",
  ]),
  onS2("e2e", ["npm", "run", "--silent", "test", "--workspace=tests/e2e", "--", "--grep-invert", timesServer]),
];

const suites = { test, check, sim, fuzz, s2 };
const all = [...new Set([...Object.values(suites).flat(), ...asJavaScript])];
const chosen = process.argv.slice(2).flatMap((name) => {
  const parts = suites[name] ?? all.filter((part) => part.name === name).slice(0, 1);
  if (parts.length === 0) throw new Error(`No part is called ${name}: ${all.map((part) => part.name).join(", ")}`);
  return parts;
});
process.exitCode = (await runParts([...new Set(chosen)])) ? 0 : 1;
