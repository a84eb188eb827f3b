// Our own server on a free port.
import { spawn } from "node:child_process";

const root = new URL("../../", import.meta.url);
const cargo = ["cargo", "run", "--quiet", "--package", "tidegate-dev-server", "--bin", "tidegate-dev", "--"];

/** Resolves to `{ url, stop }` when the server listens. */
export function startServer(key) {
  const [program, ...before] = process.env.TIDEGATE_DEV ? [process.env.TIDEGATE_DEV] : cargo;
  // Two seconds are long for a change to come and short for one that does not.
  const flags = ["--port", "0", "--memory", "--rate-limits", "trigger-dev", "--faults", "--hold-ms", "2000"];
  const child = spawn(program, [...before, ...flags], {
    cwd: root,
    env: { ...process.env, TIDEGATE_SECRET_KEY: key },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stop = () => child.kill();
  process.once("exit", stop);
  return new Promise((settle, reject) => {
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
      const url = /http:\/\/[\w.]+:\d+(?=\s)/.exec(printed)?.[0];
      if (url) settle({ url, stop });
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with code ${code} before it listened`)));
  });
}
