// Child processes that end with their parent, and the ports they listen on.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export const root = resolve(import.meta.dirname, "..");
export const binary = (name) => join(root, "node_modules/.bin", name);
export const cargoTarget = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

const chromiums = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
process.env.CHROMIUM_PATH ??= chromiums.find((path) => existsSync(path)) ?? chromiums[0];

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill();
});
process.on("SIGINT", () => process.exit(130));
process.on("SIGTERM", () => process.exit(143));

/** Starts a program in the project's root that does not outlive this process. */
export function start(program, parameters, { env, stdio = "inherit" } = {}) {
  const child = spawn(program, parameters, { cwd: root, stdio, env: { ...process.env, ...env } });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

async function listen(port) {
  const probe = createServer().listen(port, "127.0.0.1");
  await once(probe, "listening");
  const taken = probe.address().port;
  probe.close();
  await once(probe, "close");
  return taken;
}

export const portIsFree = (port) =>
  listen(port).then(
    () => true,
    () => false,
  );

export const anyPort = () => listen(0);

/** The wanted port, or, with a word about it, any free one. */
export async function freePort(wanted, what) {
  if (await portIsFree(wanted)) return wanted;
  const port = await anyPort();
  console.log(`Port ${wanted} is taken: ${what} uses ${port}.`);
  return port;
}

/** Runs a program to its end with its output shown; resolves to whether it succeeded. */
export async function run(program, parameters, env) {
  const [code] = await once(start(program, parameters, { env }), "close");
  return code === 0;
}

/**
 * Starts a server and resolves, as soon as it has printed its address, to that address and to `stop`, which may be given a signal,
 * `ended` and `pid`.
 * What it prints is kept back, and shown if it ends before that.
 */
export function serve(program, parameters, env) {
  const plain = { NO_COLOR: "1", FORCE_COLOR: "0" };
  const child = start(program, parameters, { stdio: ["ignore", "pipe", "pipe"], env: { ...plain, ...env } });
  const ended = new Promise((settle) => child.once("close", settle));
  const stop = (signal) => {
    child.kill(signal);
    return ended;
  };
  return new Promise((settle, reject) => {
    let printed = "";
    const listen = (chunk) => {
      printed += chunk;
      const address = /http:\/\/[\w.]+:\d+(?=\D)/.exec(printed)?.[0];
      if (address) settle({ address, stop, ended, pid: child.pid });
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", listen);
    child.once("error", reject);
    ended.then((code) => reject(new Error(`${program} ended with code ${code}:\n${printed}`)));
  });
}

export const apiProgram = join(cargoTarget, "debug/tidegate-dev");
/** The same as it is when speed is measured. */
export const fastApiProgram = join(cargoTarget, "release/tidegate-dev");

/** Builds the development server, with flags of cargo's if any. */
export async function buildApi(...flags) {
  const what = ["--package", "tidegate-dev-server", "--bin", "tidegate-dev"];
  if (!(await run("cargo", ["build", "--quiet", ...what, ...flags])))
    throw new Error("The development server does not build.");
}

/** Runs `body` beside an s2-lite that forgets everything at its end, with this basin in it. */
export async function withS2(program, port, basin, body) {
  if (!existsSync(program)) throw new Error(`There is no ${program}. Run: .ci/setup s2`);
  if (!(await portIsFree(port))) throw new Error(`Port ${port} is taken; set TIDEGATE_S2_PORT to a free one.`);
  const server = start(program, ["--port", String(port), "--no-dashboard"], { stdio: "ignore" });
  const ended = once(server, "close");
  const address = `http://127.0.0.1:${port}`;
  const isReady = () =>
    fetch(`${address}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  try {
    // It says nothing when it is ready, so it is asked.
    while (server.exitCode === null && !(await isReady())) await delay(50);
    const made = await fetch(`${address}/v1/basins`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ basin, config: { create_stream_on_append: true, create_stream_on_read: true } }),
    });
    if (!made.ok) throw new Error(`s2-lite makes no basin: ${made.status} ${await made.text()}`);
    await body();
  } finally {
    server.kill();
    await ended;
  }
}

/** Builds the development server and starts it, in memory, with flags of its own if any; port 0 takes any free one. */
export async function serveApi(port, env, flags = []) {
  await buildApi();
  return serve(apiProgram, ["--port", String(port), "--memory", ...flags], env);
}
