// Pages in headless Chromium, and what Chromium says of them. Pages and streams have different origins, as they have in production.
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import "../../.ci/processes.mjs"; // finds Chromium

const here = import.meta.dirname;
/** What a subject leaves running behind its last part is its own. */
const SETTLE_MS = 100;

const html = `<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script>
const longTasks = [];
new PerformanceObserver((list) => longTasks.push(...list.getEntries())).observe({ type: "longtask" });
let wasm, peak = 0;
const { instantiate } = WebAssembly;
WebAssembly.instantiate = async (...given) => {
  const made = await instantiate(...given);
  wasm = made.instance.exports.memory;
  return made;
};
const sample = () => { peak = Math.max(peak, performance.memory.usedJSHeapSize); };
window.measure = async (job) => {
  longTasks.length = 0;
  const measured = await window.bench(job, sample);
  sample();
  await new Promise((resolve) => setTimeout(resolve, ${SETTLE_MS}));
  const longestMs = Math.max(0, ...longTasks.map(({ duration }) => duration));
  return { ...measured, peak, longestMs, wasmMB: (wasm?.buffer.byteLength ?? 0) / 2 ** 20 };
};
</script><script type="module" src="page.js"></script>`;

export async function startBrowser() {
  const site = await startSite();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-renderer-backgrounding",
      "--enable-precise-memory-info",
    ],
  });
  return {
    /** One run of a page of pages/ around a subject, in a context of its own. `warmUp` is a job to do before. */
    async measure(page, subject, job, warmUp) {
      const context = await browser.newContext();
      const tab = await context.newPage();
      const cdp = await context.newCDPSession(tab);
      const metrics = async () => {
        const { metrics } = await cdp.send("Performance.getMetrics");
        return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
      };
      // The main thread's own clock, which stands still while others have the processor.
      await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
      await tab.goto(await site.addressOf(page, subject));
      if (warmUp) await tab.evaluate((job) => window.measure(job), warmUp);
      await cdp.send("HeapProfiler.collectGarbage");
      const before = await metrics();
      const { peak, ...measured } = await tab.evaluate((job) => window.measure(job), job);
      const after = await metrics();
      await cdp.send("HeapProfiler.collectGarbage");
      const collected = await metrics();
      await context.close();
      return {
        ...measured,
        busyMs: (after.TaskDuration - before.TaskDuration) * 1000,
        cpuMs: (after.ProcessTime - before.ProcessTime) * 1000,
        peakMB: (peak - before.JSHeapUsedSize) / 2 ** 20,
        keptMB: (collected.JSHeapUsedSize - before.JSHeapUsedSize) / 2 ** 20,
      };
    },
    async stop() {
      await browser.close();
      site.stop();
    },
  };
}

async function startSite() {
  const scripts = new Map();
  const server = createServer(({ url }, response) => {
    const script = scripts.get(url.replace(/page\.js$/, ""));
    const isScript = url.endsWith("page.js");
    response.writeHead(script ? 200 : 404, { "content-type": isScript ? "text/javascript" : "text/html" });
    response.end(isScript ? script : html);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    async addressOf(page, subject) {
      const path = `/${page}/${subject}/`;
      if (!scripts.has(path)) scripts.set(path, await bundle(page, subject));
      return `http://127.0.0.1:${server.address().port}${path}`;
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** As an application for production would be bundled. */
async function bundle(page, subject) {
  const { outputFiles } = await build({
    entryPoints: [join(here, "pages", page)],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    alias: {
      "bench-subject": join(here, `subjects/${subject}.mjs`),
      "bench-hook": join(here, `hooks/${subject}.jsx`),
      react: join(here, "node_modules/react"), // one for all: the package would find the project's
    },
    external: ["node:*"], // the official client does not bundle without it
    define: { "process.env.NODE_ENV": '"production"' },
    write: false,
    logLevel: "error",
  });
  return outputFiles[0].text;
}
