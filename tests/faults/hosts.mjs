// Where sends are made: a thread of Node, and a page in headless Chromium. Both tell of everything that nobody caught.

import { once } from "node:events";
import { createServer } from "node:http";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import "../../.ci/processes.mjs"; // finds Chromium

/** What the core runs as: `ENGINE=js` lets it have no WebAssembly. */
export const engine = process.env.ENGINE === "js" ? "js" : "wasm";

export function startNode() {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData: { engine } });
  const uncaught = [];
  const calls = [];
  worker.on("error", (error) => uncaught.push(`the thread ended: ${error}`));
  worker.on("message", ({ call, value, error, uncaught: text }) => {
    if (text) uncaught.push(text);
    else if (error) calls[call].reject(error);
    else calls[call].resolve(value);
  });
  const ask = (name, ...parameters) =>
    new Promise((resolve, reject) => {
      const call = calls.push({ resolve, reject }) - 1;
      worker.postMessage({ call, name, parameters });
    });
  return {
    name: "node",
    uncaught,
    baseURL: ({ address }) => address,
    attempt: (id, job) => ask("attempt", id, job),
    control: (id, name) => ask("control", id, name),
    attemptMany: (job) => ask("attemptMany", job),
    ranAs: () => ask("ranAs"),
    stop: () => worker.terminate(),
  };
}

export async function startChromium() {
  const site = await serveSite();
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
  const uncaught = [];
  const open = async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    page.on("pageerror", (error) => uncaught.push(`uncaught in the page: ${error}`));
    page.on("crash", () => uncaught.push("the page crashed"));
    await page.goto(site.url);
    return {
      setOffline: (offline) => context.setOffline(offline),
      attempt: (id, job) => page.evaluate(([id, job]) => window.tidegateFaults.attempt(id, job), [id, job]),
      control: (id, name) => page.evaluate(([id, name]) => window.tidegateFaults.control(id, name), [id, name]),
      attemptMany: (job) => page.evaluate((job) => window.tidegateFaults.attemptMany(job), job),
      ranAs: () => page.evaluate(() => window.tidegateFaults.ranAs()),
    };
  };
  return {
    name: "chromium",
    uncaught,
    // A host name each, so that no send waits for or takes over the connection of another.
    baseURL: ({ port }, id) => `http://send-${id}.localhost:${port}`,
    ...(await open()),
    openAnother: open,
    async stop() {
      await browser.close();
      await site.stop();
    },
  };
}

/** The page, with the built package as a bundler takes it. */
async function serveSite() {
  const { outputFiles } = await build({
    entryPoints: [new URL("page.mjs", import.meta.url).pathname],
    bundle: true,
    format: "iife",
    define: { "process.env.NODE_ENV": '"production"' },
    write: false,
    logLevel: "warning",
  });
  const pages = new Map([
    ["/", ["text/html", '<!doctype html><link rel="icon" href="data:,"><script src="/page.js"></script>']],
    ["/page.js", ["text/javascript", outputFiles[0].text]],
  ]);
  const server = createServer(({ url }, response) => {
    const [type, body] = pages.get(url) ?? ["text/plain", ""];
    if (engine === "js") response.setHeader("content-security-policy", "script-src 'self'");
    response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, stop };
}
