import { execFileSync } from "node:child_process";
import { example, viteCommand } from "./processes.ts";

/** The page is tested as a bundler ships it. */
export default function buildPage() {
  execFileSync(process.execPath, [viteCommand, "build", "--logLevel", "warn"], { cwd: example, stdio: "inherit" });
}
