import { execFileSync } from "node:child_process";
import { folderOf, viteCommand } from "./processes.ts";

/** The pages are tested as a bundler ships them. */
export default function buildPage() {
  for (const example of ["approval", "progress", "console", "chat"] as const) {
    const build = [viteCommand, "build", "--logLevel", "warn"];
    execFileSync(process.execPath, build, { cwd: folderOf(example), stdio: "inherit" });
  }
  execFileSync("npm", ["run", "--silent", "build:worker"], { cwd: folderOf("chat"), stdio: "inherit" });
}
