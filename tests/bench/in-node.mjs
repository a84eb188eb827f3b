import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const program = join(import.meta.dirname, "node-process.mjs");

/** One measurement in a fresh process, whose profile goes to the folder PROFILE if that is set. */
export async function measureInNode(what, subject, job) {
  const { PROFILE } = process.env;
  const profile = PROFILE
    ? ["--cpu-prof", `--cpu-prof-dir=${PROFILE}`, `--cpu-prof-name=${what}-${subject}-${job.runId}.cpuprofile`]
    : [];
  const parameters = [...profile, "--expose-gc", program, what, subject, JSON.stringify(job)];
  const { stdout } = await promisify(execFile)(process.execPath, parameters);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}
