import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** Addresses of the development server, by the dialect in which it writes feeds of runs. */
    native: string;
    electric: string;
    /** One on which things go wrong, for one file of tests. */
    faulty: string;
    /** Which package the components import. */
    side: "original" | "tidegate";
  }
}

/** Starts the development server once for all projects: the binary that TIDEGATE_DEV names, else the one that cargo has built. */
export default async function startServers({ provide }: TestProject) {
  const target = resolve(import.meta.dirname, "../../..", process.env.CARGO_TARGET_DIR ?? "target");
  const program = process.env.TIDEGATE_DEV || `${target}/debug/tidegate-dev`;
  if (!existsSync(program)) throw new Error(`There is no ${program}. Run: node .ci/parts.mjs compat`);
  const servers = await Promise.all([
    startServer(program),
    startServer(program, "--feeds", "electric"),
    startServer(program),
  ]);
  const [native, electric, faulty] = servers.map(({ url }) => url) as [string, string, string];
  provide("native", native);
  provide("electric", electric);
  provide("faulty", faulty);
  return () => servers.forEach(({ stop }) => void stop());
}

function startServer(program: string, ...flags: string[]): Promise<{ url: string; stop(): void }> {
  const child = spawn(program, ["--port", "0", "--memory", "--faults", "--hold-ms", "2000", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((settle, reject) => {
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      printed += text;
      const url = /http:\/\/[\w.]+:\d+(?=\s)/.exec(printed)?.[0];
      if (url) settle({ url, stop: () => child.kill() });
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${program} ended with code ${code} before it listened`)));
  });
}
