// The tests of the shell as JavaScript, made from their module as the package's own is: wasm-bindgen's runner serves them and judges them,
// and a browser without WebAssembly runs them. The address of a development server is in TIDEGATE_TEST_SERVER.
//   node tests/web/as-javascript.mjs [chrome|firefox|webkit] [WORDS]     only the tests whose name holds these words
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { anyPort, root, start } from "../../.ci/processes.mjs";
import { withWasm } from "../../js/scripts/paths.mjs";
import { compilerFlags, replaceEach, translate, withoutFeatures } from "../../js/scripts/twin.mjs";

const programs = { chrome: "chromedriver", firefox: "geckodriver", webkit: "/usr/bin/WebKitWebDriver" };
const remoteIn = { chrome: "CHROMEDRIVER_REMOTE", firefox: "GECKODRIVER_REMOTE", webkit: "SAFARIDRIVER_REMOTE" };
const [browser = "chrome", ...words] = process.argv.slice(2);
if (!programs[browser]) throw new Error(`No browser is called ${browser}: ${Object.keys(programs).join(", ")}`);

const compiled = compile();
const folder = mkdtempSync(join(tmpdir(), "tidegate-web-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const module = join(folder, "web.wasm");
writeFileSync(module, withoutFeatures(readFileSync(compiled)));
process.exitCode = await runTests(module);

/** The file of the tests' module. */
function compile() {
  const what = ["--quiet", "--target=wasm32-unknown-unknown", "--test=web", "--no-run"];
  const { status, stdout } = spawnSync(
    withWasm,
    ["cargo", "test", ...what, "--message-format=json-render-diagnostics"],
    {
      cwd: root,
      env: { ...process.env, TIDEGATE_AS_JAVASCRIPT: "1", RUSTFLAGS: compilerFlags },
      encoding: "utf8",
      maxBuffer: Number.POSITIVE_INFINITY,
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (status !== 0) process.exit(status ?? 1);
  const told = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return told.find(({ executable }) => executable).executable;
}

/**
 * The runner writes module and glue where it serves them from, and asks for a browser at once. What it asks takes its time to answer: it
 * makes the JavaScript first.
 */
async function runTests(module) {
  let driver;
  const remote = createServer(async (asked, answer) => {
    driver ??= startDriver().catch((error) => console.error(error));
    const port = (await driver)?.port;
    if (!port) return answer.destroy();
    const { method, url: path, headers } = asked;
    const there = { host: "127.0.0.1", port, path };
    const passed = request({ ...there, method, headers: { ...headers, host: `127.0.0.1:${port}` } }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    passed.once("error", () => answer.destroy());
    asked.pipe(passed);
  }).listen(0, "127.0.0.1");
  await once(remote, "listening");

  const address = `http://127.0.0.1:${remote.address().port}`;
  // How long it waits for the JavaScript, too.
  const env = { TMPDIR: folder, WASM_BINDGEN_TEST_TIMEOUT: "180", [remoteIn[browser]]: address };
  const runner = start(withWasm, ["wasm-bindgen-test-runner", module, ...words], { env });
  const [code] = await once(runner, "close");
  remote.close();
  remote.closeAllConnections();
  const asked = await driver;
  asked?.program.kill();
  // Where it has asked another driver, WebAssembly was tested.
  return asked ? (code ?? 1) : 1;
}

/** The browser's driver and its port, once there is JavaScript for the browser. */
async function startDriver() {
  const [{ name }] = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const path = (file) => join(folder, name, file);
  writeFileSync(path("twin.js"), translate(path("wasm-bindgen-test_bg.wasm"), "-O1"));
  rewrite(path("wasm-bindgen-test.js"), linkTwin);
  rewrite(path("run.js"), nameAsExported);

  const port = await anyPort();
  const program = start(withWasm, [programs[browser], `--port=${port}`], { stdio: "ignore" });
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/status`).then(
      ({ ok }) => ok,
      () => false,
    );
  // Not every driver says when it is ready, so it is asked.
  while (program.exitCode === null && !(await isReady())) await delay(50);
  return { program, port };
}

/** Memory that grew is seen by its buffer, since the old one is not emptied, as WebAssembly's is. */
function linkTwin(glue) {
  const changed = (name) => `cached${name}Memory0.buffer !== wasm.memory.buffer`;
  const linked = replaceEach(glue, [
    ["await __wbg_load(await module_or_path, imports)", "{ instance: instantiate(imports) }"],
    ["cachedUint8ArrayMemory0.byteLength === 0", changed("Uint8Array")],
    ["cachedFloat64ArrayMemory0.byteLength === 0", changed("Float64Array")],
    ["cachedDataViewMemory0.buffer.detached === true", changed("DataView")],
  ]);
  return `import { instantiate } from "./twin.js";\ndelete globalThis.WebAssembly;\n${linked}`;
}

/** The tests are exports with colons in their names, which are no names in JavaScript. */
function nameAsExported(list) {
  return list.replace(/(?<=tests\.push\(')[^']*/g, (name) => name.replaceAll(":", "_"));
}

function rewrite(file, change) {
  writeFileSync(file, change(readFileSync(file, "utf8")));
}
