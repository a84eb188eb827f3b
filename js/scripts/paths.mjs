import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");
export const source = join(root, "js/src");
export const generated = join(source, "wasm/generated");
export const pkg = join(root, "pkg");
export const withWasm = join(root, ".ci/with-wasm");

export const cargoTarget = () => resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** Runs a program in the project's root; what it prints goes straight through, and its failure ends the script. */
export function run(program, parameters, env = {}) {
  try {
    execFileSync(program, parameters, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  } catch (error) {
    if (error.code === "ENOENT") console.error(`${program} is missing: run make setup`);
    process.exit(error.status || 1);
  }
}
