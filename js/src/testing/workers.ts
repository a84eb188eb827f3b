import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Processes of `task-worker.ts`. */
export class Workers {
  readonly #children = new Set<ChildProcess>();
  #folder = "";

  /** Starts one, and resolves when it is connected. */
  async start(baseURL: string, secretKey: string) {
    const env = { ...process.env, TRIGGER_API_URL: baseURL, TRIGGER_SECRET_KEY: secretKey };
    const child = spawn(process.execPath, [await this.#program()], { env, stdio: ["ignore", "pipe", "inherit"] });
    this.#children.add(child);
    const ended = once(child, "close").then(([code]) => code as number | null);
    await Promise.race([
      once(child.stdout, "data"),
      ended.then((code) => {
        throw new Error(`The worker ended with code ${code} before it was connected.`);
      }),
    ]);
    const stop = (signal: NodeJS.Signals) => {
      child.kill(signal);
      return ended;
    };
    return { pid: child.pid, stop };
  }

  async end(): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    this.#children.clear();
    if (this.#folder) await rm(this.#folder, { recursive: true });
    this.#folder = "";
  }

  async #program(): Promise<string> {
    this.#folder ||= await mkdtemp(join(tmpdir(), "tidegate-worker-"));
    const outfile = join(this.#folder, "worker.mjs");
    const entry = fileURLToPath(new URL("task-worker.ts", import.meta.url));
    await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", target: "node20" });
    return outfile;
  }
}
