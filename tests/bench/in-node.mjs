import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const program = join(import.meta.dirname, "node-process.mjs");

/** One measurement in a fresh process. */
export async function measureInNode(what, subject, job) {
  const parameters = [
    ...profiling(`${what}-${subject}-${job.runId ?? job.atOnce}${job.inOrder ? "-in-order" : ""}`),
    "--expose-gc",
    program,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [...parameters, what, subject, JSON.stringify(job)]);
  return JSON.parse(stdout.trim().split("\n").at(-1));
}

/** With PROFILE=FOLDER: a CPU profile a load and subject, of the last round. It makes all of them slower. */
function profiling(name) {
  const { PROFILE } = process.env;
  return PROFILE ? ["--cpu-prof", `--cpu-prof-dir=${PROFILE}`, `--cpu-prof-name=${name}.cpuprofile`] : [];
}
