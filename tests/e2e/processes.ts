import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
export type Example = "approval" | "progress" | "console" | "chat";
export const folderOf = (example: Example) => join(root, "examples", example);
/** Where the built console lies. */
export const consoleFolder = join(resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "console");
export const secretKey = "tr_dev_e2e";

const vitePackage = createRequire(join(root, "examples/approval/package.json")).resolve("vite/package.json");
export const viteCommand = join(dirname(vitePackage), "bin/vite.js");

export interface Started {
  url: string;
  /** Ends it, by SIGTERM unless told otherwise. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
}

/** The development server in memory, on a port of its own. */
export function startApi(flags: string[] = []): Promise<Started> {
  const binary = process.env.TIDEGATE_DEV || join(root, "target/debug/tidegate-dev");
  if (!existsSync(binary)) throw new Error(`There is no ${binary}. Build it with: cargo build -p tidegate-dev-server`);
  return start(root, binary, ["--port", "0", "--memory", ...flags], { TIDEGATE_SECRET_KEY: secretKey });
}

/** An example page with its backend, as built (`preview`) or from its sources (`dev`). */
export async function startPage(
  mode: "preview" | "dev",
  apiUrl: string,
  example: Example = "approval",
): Promise<Started> {
  const options = ["--host", "127.0.0.1", "--port", String(await freePort()), "--strictPort"];
  const env = { TIDEGATE_URL: apiUrl, TIDEGATE_SECRET_KEY: secretKey, NO_COLOR: "1" };
  return start(folderOf(example), process.execPath, [viteCommand, mode, ...options], env);
}

/** The worker of the chat example. Resolves when it is connected; its address is that of the server. */
export function startAssistant(apiUrl: string): Promise<Started> {
  const env = { TIDEGATE_URL: apiUrl, TIDEGATE_SECRET_KEY: secretKey };
  return start(folderOf("chat"), process.execPath, ["dist/worker.mjs"], env);
}

/** Resolves once the process has printed its address. */
async function start(cwd: string, command: string, args: string[], env: Record<string, string>): Promise<Started> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      printed += chunk;
      const address = printed.match(/http:\/\/127\.0\.0\.1:\d+(?=\D)/);
      if (address) resolve(address[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${command} ended with ${code} before it was ready:\n${printed}`)));
  });
  const stop = async (signal?: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  };
  return { url, stop };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
