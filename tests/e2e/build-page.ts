import { execFileSync } from "node:child_process";
import { folderOf, viteCommand } from "./processes.ts";

/** The pages are tested as a bundler ships them. */
export default function buildPage() {
  for (const example of ["approval", "progress", "console"] as const) {
    const build = [viteCommand, "build", "--logLevel", "warn"];
    execFileSync(process.execPath, build, { cwd: folderOf(example), stdio: "inherit" });
  }
}
