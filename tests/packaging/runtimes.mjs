// A worker and a backend, as programs of Node, Bun and Deno. Each resolves to what was wrong.
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { start } from "../../.ci/processes.mjs";
import { apps } from "./builders.mjs";

const require = createRequire(import.meta.url);
const { arch, platform } = process;

/** The program in the first of these packages that is installed: the registry has one for each system. */
function program(names, file) {
  for (const name of names) {
    try {
      return join(dirname(require.resolve(`${name}/package.json`)), file);
    } catch {}
  }
  throw new Error(`There is no ${names.join(" and no ")}. Run: .ci/setup packaging`);
}

const node = { command: () => [process.execPath], audit: () => [] };

const bun = {
  command() {
    const name = `@oven/bun-${platform}-${arch === "arm64" ? "aarch64" : arch}`;
    return [program([name, `${name}-musl`], "bin/bun")];
  },
  audit: () => [],
};

/** The variables that the README says Deno has to allow. */
const names = ["TRIGGER_*", "VERCEL_GIT_COMMIT_REF", "NODE_ENV"];

const deno = {
  command(hosts) {
    const name = `@deno/${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`;
    return [
      program([name], "deno"),
      "run",
      "--no-prompt",
      "--no-lock",
      `--allow-net=${hosts}`,
      `--allow-env=${names.join()}`,
    ];
  },
  /** What was asked for besides, though it may have been done without. */
  audit(log, hosts) {
    const asked = [...log.matchAll(/"permission":"(\w+)","value":"([^"]*)"/g)];
    if (asked.length === 0) return ["Deno did not say what it was asked for"];
    const isName = (name) => names.includes(name.replace(/^TRIGGER_.*/, "TRIGGER_*"));
    const isKnown = { env: isName, net: (value) => hosts.includes(value.replace(/^http:\/\//, "").split("/")[0]) };
    return asked
      .filter(([, permission, value]) => !isKnown[permission]?.(value))
      .map(([, permission, value]) => `it asked for ${permission}: ${value}`);
  },
};

/**
 * A run that sleeps until a page approves it. Its worker is told to end while it sleeps, and another takes it up again. No program may
 * say anything but what it is there for, and each has to end by itself, with 0.
 */
async function tryRuntime({ command, audit }, api, secret, folder) {
  const nobody = await deadEnd();
  const hosts = [api, nobody].map((address) => new URL(address).host);
  const [file, ...flags] = command(hosts);
  const problems = [];
  const launch = (script, ...parameters) => {
    const log = join(folder, `audit-${script}-${parameters[0] ?? performance.now()}`);
    rmSync(log, { force: true });
    const env = {
      TRIGGER_API_URL: api,
      TRIGGER_SECRET_KEY: secret,
      NO_COLOR: "1",
      DO_NOT_TRACK: "1",
      DENO_NO_UPDATE_CHECK: "1",
      DENO_DIR: join(folder, "deno"),
      DENO_AUDIT_PERMISSIONS: log,
    };
    const child = start(file, [...flags, join(apps, "runtimes", script), ...parameters], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    const ended = once(child, "close").then(([code, signal]) => {
      if (code !== 0) throw new Error(`${script} ended with ${code ?? signal}: ${output.trim()}`);
      problems.push(...audit(readIfAny(log), hosts));
      return output.trim();
    });
    ended.catch(() => {});
    return { child, ended };
  };
  const worker = async () => {
    const { child, ended } = launch("worker.js");
    await Promise.race([once(child.stdout, "data"), ended]);
    return async () => {
      child.kill("SIGTERM");
      const lines = `tidegate: serving order for ${api}, 10 at once\ntidegate: stopped`;
      const output = await ended;
      if (output !== lines) problems.push(`the worker said: ${output}`);
    };
  };

  const run = await launch("backend.js", "begin").ended;
  const stopFirst = await worker();
  await launch("backend.js", "asleep", run).ended;
  await stopFirst();
  const stopSecond = await worker();
  const end = await launch("backend.js", "end", run).ended;
  await stopSecond();
  await launch("backend.js", "astray", nobody).ended;
  if (end !== "published") problems.push(`the backend said: ${end}`);
  return problems;
}

/** An address where nobody listens. */
async function deadEnd() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

function readIfAny(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** By their names, each with the address of the server, its key, and a folder for what is left. */
export const runtimes = Object.fromEntries(
  Object.entries({ "node-task": node, bun, deno }).map(([name, runtime]) => [
    name,
    (...given) => tryRuntime(runtime, ...given),
  ]),
);
