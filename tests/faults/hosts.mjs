// Where sends are made: this process, and a page in headless Chromium. Both tell of everything that nobody caught.

import { once } from "node:events";
import { createServer } from "node:http";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import "../../.ci/processes.mjs"; // finds Chromium
import { attempt, attemptMany } from "./attempt.mjs";

export function startNode() {
  const uncaught = [];
  process.on("unhandledRejection", (reason) => uncaught.push(`unhandled rejection: ${reason}`));
  process.on("uncaughtException", (error) => uncaught.push(`uncaught: ${error}`));
  const controls = new Map();
  return {
    name: "node",
    uncaught,
    baseURL: ({ address }) => address,
    attempt(id, job) {
      controls.set(id, {});
      return attempt(job, controls.get(id));
    },
    control: (id, name) => controls.get(id)[name](),
    attemptMany,
    stop() {},
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
    response.writeHead(body ? 200 : 404, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, stop };
}
