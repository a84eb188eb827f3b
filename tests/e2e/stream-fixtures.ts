import type { CDPSession } from "@playwright/test";
import { test as base } from "./engine.ts";
import { StreamServer } from "./stream-server.ts";

/** Pages come from a server that streams on command, one for all tests of a file. */
export const test = base.extend<{ cdp: CDPSession }, { server: StreamServer }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern to learn what a fixture needs.
    async ({}, use) => {
      const server = await StreamServer.start();
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  baseURL: async ({ server }, use) => use(server.url),
  cdp: async ({ page }, use) => use(await page.context().newCDPSession(page)),
});
