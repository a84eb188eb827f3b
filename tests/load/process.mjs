// Processes under load: with as many open files as the system allows, and their memory.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** How many files a process may have open at most; Infinity where there is no limit. */
export function mostFiles() {
  const limit = execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
}

/** A command that starts a program with that many. It keeps its process id. */
export const withMostFiles = (program, parameters) => [
  "sh",
  ["-c", 'ulimit -n "$(ulimit -Hn)" && exec "$0" "$@"', program, ...parameters],
];

/** What a process takes of the machine's memory, in bytes. */
export function memoryOf(pid) {
  const status = `/proc/${pid}/status`;
  if (existsSync(status)) return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, "utf8"))[1]) * 1024;
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}
