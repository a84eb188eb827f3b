// An application as Metro bundles it for React Native, run by Hermes. React Native's own JavaScript makes the requests; what is native in a
// phone is played here, by lines to the engine and from it.
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { run, start } from "../../.ci/processes.mjs";
import { apps } from "./builders.mjs";

const here = import.meta.dirname;
const require = createRequire(import.meta.url);
const folder = join(apps, "react-native");
const programs = { linux: "linux64-bin/hermes", darwin: "osx-bin/hermes", win32: "win64-bin/hermes.exe" };
const hermes = join(here, "node_modules/hermes-engine-cli", programs[process.platform]);
const compilers = { linux: "linux64-bin/hermesc", darwin: "osx-bin/hermesc", win32: "win64-bin/hermesc.exe" };
const hermesc = join(here, "node_modules/hermes-compiler/hermesc", compilers[process.platform]);

/** Where Metro looks: it lists every file first, and the bundlers beside these have many. */
const packages = [
  ...Object.keys(require("react-native/package.json").dependencies),
  ...["@babel", "@react-native", "metro-runtime", "react", "react-native", "react-test-renderer", "react-is"],
  ...["tidegate", "superjson", "copy-anything", "is-what"],
];

/** As `react-native bundle` does it, with React Native's settings and none of our own but where things are. */
export async function bundle(out) {
  const Metro = require("metro");
  const { getDefaultConfig, mergeConfig } = require("@react-native/metro-config");
  mkdirSync(out, { recursive: true });
  const warnings = [];
  const config = mergeConfig(getDefaultConfig(folder), {
    projectRoot: folder,
    cacheStores: ({ FileStore }) => [new FileStore({ root: join(here, "node_modules/.cache/metro") })],
    fileMapCacheDirectory: out, // a list of files of an earlier package would mislead it
    watchFolders: [folder, ...packages.map((name) => join(here, "node_modules", name))],
    reporter: {
      update(event) {
        const said = event.type === "client_log" || /warning|error|failed/.test(event.type);
        if (said) warnings.push(`${event.type}: ${event.error?.message ?? event.data ?? ""}`);
      },
    },
    // The start of React Native needs a phone. What of it is needed here the application imports.
    serializer: { getModulesRunBeforeMainModule: () => [] },
  });
  const file = join(out, "index.bundle.js");
  await Metro.runBuild(config, {
    entry: join(folder, "index.js"),
    platform: "android",
    dev: false,
    minify: false,
    out: file,
  });
  // The engine of today has no program that runs, but one that compiles.
  if (!(await run(hermesc, ["-emit-binary", "-O", "-w", "-out", `${file}.hbc`, file])))
    warnings.push("it does not compile");
  return { file, warnings };
}

/** Runs a bundle and resolves to what it says at its end, and to what it printed meanwhile. `likeExpo`: with a `fetch` that streams. */
export async function runBundle(file, screen, page, likeExpo) {
  const child = start(hermes, ["-Xes6-promise", "-Xmicrotask-queue", "-w", "-prompt=", "-prompt2="], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const evaluate = (code) => {
    child.stdin.write(`${code};0\n`);
  };
  const timers = new Map();
  const requests = new Map();
  const printed = [];
  const native = {
    timer: (id, ms) =>
      timers.set(
        id,
        setTimeout(() => evaluate(`device.fire(${id})`), ms),
      ),
    cleared: (id) => clearTimeout(timers.get(id)),
    abort: (id) => requests.get(id)?.abort(),
    request: (...request) => {
      requests.set(request[0], new AbortController());
      perform(...request, requests.get(request[0]).signal, (...event) =>
        evaluate(`device.emit(...${JSON.stringify(event)})`),
      );
    },
  };
  try {
    for (const script of [join(folder, "device.js"), file]) {
      evaluate(`(0, eval)(${JSON.stringify(readFileSync(script, "utf8"))})`);
    }
    evaluate(`device.begin(${JSON.stringify(screen)}, ${JSON.stringify(page)}, ${likeExpo})`);
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith("[")) {
        if (!/^(0|undefined|)$/.test(line)) printed.push(line);
        continue;
      }
      const [what, ...told] = JSON.parse(line);
      if (what === "done") return { told: told[0], printed };
      native[what](...told);
    }
    return { told: { error: "the engine ended" }, printed };
  } finally {
    for (const timer of timers.values()) clearTimeout(timer);
    for (const controller of requests.values()) controller.abort();
    child.kill();
    await ended;
  }
}

/** What the native half of React Native tells of a request. `form`: the body as `bytes` or `texts` in pieces, or whole as `text` or `base64`. */
async function perform(id, method, url, headers, body, form, signal, emit) {
  try {
    const response = await fetch(url, { method, headers, body: body || undefined, signal });
    emit("didReceiveNetworkResponse", id, response.status, Object.fromEntries(response.headers), url);
    const decoder = new TextDecoder();
    const whole = [];
    for await (const chunk of response.body ?? []) {
      if (form === "bytes") emit("bytes", id, [...chunk]);
      else if (form === "texts")
        emit("didReceiveNetworkIncrementalData", id, decoder.decode(chunk, { stream: true }), 0, -1);
      else whole.push(chunk);
    }
    if (whole.length)
      emit("didReceiveNetworkData", id, Buffer.concat(whole).toString(form === "base64" ? form : "utf8"));
    emit("didCompleteNetworkResponse", id, "", false);
  } catch (error) {
    if (!signal.aborted) emit("didCompleteNetworkResponse", id, `${error.cause ?? error}`, false);
  }
}
