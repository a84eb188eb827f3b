import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program =
  process.env.TIDEGATE_DEV || resolve(root, process.env.CARGO_TARGET_DIR ?? "target", "debug/tidegate-dev");

/** Whether the development server has been built. */
export const hasDevServer = existsSync(program);

/** The development server, on a port of its own and in memory unless the flags say otherwise. */
export async function startDevServer(secretKey: string, flags: readonly string[] = ["--port", "0", "--memory"]) {
  const child = spawn(program, flags, {
    env: { ...process.env, TIDEGATE_SECRET_KEY: secretKey },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let printed = "";
  const baseURL = await new Promise<string>((settle, reject) => {
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      const address = /http:\/\/[\d.]+:\d+(?=\D)/.exec(printed)?.[0];
      if (address) settle(address);
    });
    child.once("error", reject);
    ended.then(() => reject(new Error(`${program} ended before it was ready:\n${printed}`)), reject);
  });
  const stop = (signal?: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  return { baseURL, stop, printed: () => printed };
}
