import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { startDesk } from "./api.ts";
import { splitPage } from "./bundle-page.ts";
import { onTwin } from "./engine.ts";
import { test as base, expect } from "./fixtures.ts";
import type { Desk } from "./pages/engine.tsx";

interface Site {
  url: string;
  /** The scripts of the core that were asked for since the page was opened. */
  cores: string[];
  /** The violations that were reported. */
  reports: string[];
}

const POLICIES: Record<string, string> = {
  "/": "",
  "/strict": "script-src 'self'; report-uri /report",
  "/allowing": "script-src 'self' 'wasm-unsafe-eval'; report-uri /report",
};

const test = base.extend<{ run: Desk }, { engineSite: Site }>({
  engineSite: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern to learn what a fixture needs.
    async ({}, use) => {
      const files = await splitPage("engine");
      const site: Site = { url: "", cores: [], reports: [] };
      const server = createServer((request, response) => {
        const { url = "" } = request;
        const policy = POLICIES[url];
        const script = files.get(url.slice(1));
        const core = /^\/(core(?:-\w+)?)-\w{8}\.js$/.exec(url)?.[1];
        if (core) site.cores.push(core);
        if (url === "/report") {
          let text = "";
          request.on("data", (chunk) => {
            text += chunk;
          });
          request.on("end", () => site.reports.push(text));
          response.writeHead(204).end();
        } else if (policy !== undefined) {
          if (policy) response.setHeader("content-security-policy", policy);
          response.setHeader("content-type", "text/html");
          response.end('<link rel="icon" href="data:,"><body><script type="module" src="/engine.js"></script>');
        } else {
          response.writeHead(script ? 200 : 404, { "content-type": "text/javascript" }).end(script);
        }
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await use(site);
      server.close();
      server.closeAllConnections();
    },
    { scope: "worker" },
  ],
  run: async ({ api }, use) => use({ baseURL: api.url, ...(await startDesk(api.url)) }),
});

test.beforeEach(({ engineSite }) => {
  engineSite.cores.length = engineSite.reports.length = 0;
});

const sendAndRead = (page: Page, run: Desk) => page.evaluate((desk) => window.sendAndRead(desk), run);
const follow = (page: Page, run: Desk) => page.evaluate((desk) => window.follow(desk), run);

test.describe("with WebAssembly", () => {
  test.skip(onTwin, "the browser has none");

  test("a page that sends and reads loads the small core, and the other when it follows a run", async ({
    page,
    engineSite,
    run,
  }) => {
    await page.goto(engineSite.url);
    expect(await sendAndRead(page, run)).toBe('"hello" as wasm');
    expect(engineSite.cores).toEqual(["core"]);
    expect(await follow(page, run)).toMatch(/^[A-Z]+ as wasm$/);
    expect(await sendAndRead(page, run)).toBe('"hello" as wasm');
    expect(engineSite.cores).toEqual(["core", "core-runs"]);
  });

  test("a page that follows a run first loads that core alone", async ({ page, engineSite, run }) => {
    await page.goto(engineSite.url);
    expect(await follow(page, run)).toMatch(/^[A-Z]+ as wasm$/);
    expect(await sendAndRead(page, run)).toBe('"hello" as wasm');
    expect(engineSite.cores).toEqual(["core-runs"]);
  });

  test("under a policy with wasm-unsafe-eval nothing is reported", async ({ page, engineSite, run }) => {
    await page.goto(`${engineSite.url}/allowing`);
    expect(await sendAndRead(page, run)).toBe('"hello" as wasm');
    expect(engineSite.reports).toEqual([]);
  });
});

test.describe("under a policy without wasm-unsafe-eval", () => {
  test.skip(onTwin, "where there is none, nothing is refused");
  test.use({ tolerated: [/Content Security Policy/] });

  test("everything works as JavaScript, after one report and without the module", async ({ page, engineSite, run }) => {
    await page.goto(`${engineSite.url}/strict`);
    expect(await sendAndRead(page, run)).toBe('"hello" as js');
    expect(await follow(page, run)).toMatch(/^[A-Z]+ as js$/);
    expect(await sendAndRead(page, run)).toBe('"hello" as js');
    expect(engineSite.cores).toEqual(["core-js"]);
    expect(engineSite.reports).toHaveLength(1);
  });
});

test("a page that says so makes no try at WebAssembly, and nothing is reported", async ({ page, engineSite, run }) => {
  await page.goto(`${engineSite.url}/strict`);
  await page.evaluate(() => window.avoidWebAssembly());
  expect(await sendAndRead(page, run)).toBe('"hello" as js');
  expect(engineSite.cores).toEqual(["core-js"]);
  expect(engineSite.reports).toEqual([]);
});

test("a browser that compiles nothing, as in Lockdown Mode, runs JavaScript", async ({
  playwright,
  launchOptions,
  engineSite,
  run,
}) => {
  const args = [...(launchOptions.args ?? []), "--js-flags=--jitless"];
  const browser = await playwright.chromium.launch({ ...launchOptions, args });
  const page = await browser.newPage();
  await page.goto(engineSite.url);
  expect(await page.evaluate(() => typeof WebAssembly)).toBe("undefined");
  expect(await sendAndRead(page, run)).toBe('"hello" as js');
  expect(await follow(page, run)).toMatch(/^[A-Z]+ as js$/);
  expect(engineSite.cores).toEqual(["core-js"]);
  await browser.close();
});
