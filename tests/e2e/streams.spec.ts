import { type CDPSession, expect, type Page } from "@playwright/test";
import { Cable } from "./cable.ts";
import { onTwin } from "./engine.ts";
import { test } from "./stream-fixtures.ts";
import { flood, type StreamServer } from "./stream-server.ts";

const textOf = (page: Page) => page.evaluate(() => window.streamPage.text);
const lengthOf = (page: Page) => page.evaluate(() => window.streamPage.text.length);

const heapOf = async (cdp: CDPSession) => {
  await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = (await cdp.send("Runtime.getHeapUsage")) as { usedSize: number };
  return usedSize;
};

/** Opens the page and lets a stream of so many parts pass, so that everything that loads and compiles once has done so. */
async function warm(page: Page, server: StreamServer, kind: "parts" | "text", count = 1) {
  const key = `warm-${server.asked.length}`;
  await page.goto("/");
  await page.evaluate(([shown, key]) => window.streamPage.show(shown, key), [kind, key] as const);
  await expect.poll(() => server.readers).toBe(1);
  const written = await server.writeNumbers(key, count, 3_000);
  await expect.poll(() => textOf(page)).toBe(written);
  await page.evaluate(() => window.streamPage.hide());
  await expect.poll(() => server.readers).toBe(0);
}

for (const kind of ["parts", "text"] as const) {
  test(`20 000 parts at 1 000 a second, held as ${kind}: frames, tasks and memory`, async ({ page, server, cdp }) => {
    // What JavaScript runs often is compiled anew, onto this heap: 1.3 MB of the core, once.
    await warm(page, server, kind, onTwin ? 6_000 : 1);
    const before = await heapOf(cdp);
    await page.evaluate((shown) => window.streamPage.show(shown, shown), kind);
    await expect.poll(() => server.readers).toBe(1);
    const began = performance.now();
    const written = await server.writeNumbers(kind, 20_000, 1_000);
    const seconds = (performance.now() - began) / 1000;
    await expect.poll(() => lengthOf(page)).toBe(written.length);
    expect(await textOf(page)).toBe(written);

    const { renders, longestTaskMs } = await page.evaluate(() => ({ ...window.streamPage }));
    const full = await heapOf(cdp);
    await page.evaluate(() => window.streamPage.hide());
    await expect.poll(() => server.readers).toBe(0);
    const after = await heapOf(cdp);
    const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MB`;
    console.log(
      `${kind}: ${renders} renders in ${seconds.toFixed(1)} s, longest task ${longestTaskMs} ms (0: none over 50 ms), ` +
        `heap ${megabytes(before)} before, ${megabytes(full)} with all of it, ${megabytes(after)} after the unmount`,
    );
    expect(renders).toBeLessThanOrEqual(62 * seconds);
    expect(after - before).toBeLessThan(2 ** 20);
  });
}

test("a page that slept goes on where it was, though its connection was cut meanwhile", async ({
  page,
  server,
  browser,
}) => {
  await warm(page, server, "text");
  await page.evaluate(() => window.streamPage.show("text", "sleep"));
  await expect.poll(() => server.readers).toBe(1);
  server.write("sleep", ["one "]);
  await expect.poll(() => textOf(page)).toBe("one ");
  const asked = server.asked.length;

  // Headless Chromium does not freeze a page that is in view, so its process is stopped, as a laptop's sleep does.
  const chromium = await browser.newBrowserCDPSession();
  const { processInfo } = await chromium.send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  await page.evaluate(() => window.streamPage.watchSleep());
  for (const { id } of renderers) process.kill(id, "SIGSTOP");
  server.write("sleep", ["two "]);
  server.cut();
  server.write("sleep", ["three "]);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  for (const { id } of renderers) process.kill(id, "SIGCONT");

  await expect.poll(() => page.evaluate(() => window.streamPage.sleptMs)).toBeGreaterThan(1_500);
  const woke = performance.now();
  await expect.poll(() => textOf(page), { intervals: [20] }).toBe("one two three ");
  console.log(`whole again ${Math.round(performance.now() - woke)} ms after waking`);
  expect(await page.evaluate(() => window.streamPage.status)).toBe("live");
  expect(server.asked.slice(asked)).toEqual([expect.stringMatching(/^[01]$/)]);
});

for (const isCut of [true, false]) {
  const meanwhile = isCut ? "was cut" : "filled with more than is read at once";
  test(`a page in which no script ran for four ping periods goes on where it was, though its connection ${meanwhile}`, async ({
    page,
    server,
    cdp,
  }) => {
    // To the page a ping period is the real 15 seconds, so that it counts its connection as dead when it goes on.
    const timesAsFast = 30;
    const pingMs = 15_000 / timesAsFast;
    const cable = await Cable.to(server.url);
    const pings = setInterval(() => server.ping(), pingMs);
    await page.addInitScript((factor) => {
      const { setTimeout } = globalThis;
      const now = performance.now.bind(performance);
      globalThis.setTimeout = ((call: () => void, ms = 0) => setTimeout(call, ms / factor)) as typeof setTimeout;
      performance.now = () => now() * factor;
    }, timesAsFast);
    await page.goto(cable.url);
    const key = `paused-${isCut}`;
    await page.evaluate((key) => window.streamPage.show("text", key), key);
    await expect.poll(() => server.readers).toBe(1);
    server.write(key, ["one "]);
    await expect.poll(() => textOf(page)).toBe("one ");
    const asked = server.asked.length;

    await cdp.send("Debugger.enable");
    const paused = new Promise((resolve) => cdp.once("Debugger.paused", resolve));
    // Scripts stop where the next one begins.
    await page.evaluate(() => window.streamPage.watchSleep());
    await cdp.send("Debugger.pause");
    await paused;
    const written = Array.from({ length: 200 }, (_, n) => `${n} ${"x".repeat(2 ** 15)} `);
    server.write(key, written.slice(0, 100));
    if (isCut) cable.cut();
    server.write(key, written.slice(100));
    await new Promise((resolve) => setTimeout(resolve, 4 * pingMs));
    cable.mend();
    await cdp.send("Debugger.resume");
    await cdp.send("Debugger.disable");

    await expect.poll(() => textOf(page), { intervals: [20] }).toBe(`one ${written.join("")}`);
    expect(await page.evaluate(() => window.streamPage.sleptMs)).toBeGreaterThan(3 * pingMs * timesAsFast);
    expect(server.asked.length - asked, "connections").toBeLessThanOrEqual(1);
    if (isCut) expect(server.asked.slice(asked)).toEqual([expect.stringMatching(/^\d+$/)]);
    clearInterval(pings);
    await cable.stop();
  });
}

test("a loop that stops taking makes the server wait with the rest of 200 MB, and gets all of it", async ({
  page,
  server,
}) => {
  await page.goto("/");
  const lengths = flood.map(({ length }) => length);
  const first = await page.evaluate(() => window.streamPage.take("flood", 1));
  expect(first).toEqual(lengths.slice(0, 1));
  // Waits until nothing more leaves: between the page and the server are the kernel's buffers, tens of megabytes on some machines.
  let left = -1;
  const hasStopped = () => {
    const before = left;
    left = server.flooded;
    return left === before;
  };
  await expect.poll(hasStopped, { intervals: [1_000] }).toBe(true);
  const ahead = await page.evaluate(() => window.streamPage.ahead());
  const megabytes = (parts: number) => `${((parts * 2 ** 16) / 2 ** 20).toFixed(1)} MB`;
  console.log(`the loop took one part: ${megabytes(ahead)} are in the page, ${megabytes(left)} have left the server`);
  expect(ahead * 2 ** 16).toBeLessThan(3 * 2 ** 20);
  expect(left).toBeLessThan(flood.length);
  const rest = await page.evaluate((count) => window.streamPage.take("flood", count), flood.length - 1);
  expect(rest).toEqual(lengths.slice(1));
});

test("a page that was offline is back within a second, without a gap or a repeat", async ({ page, server, cdp }) => {
  await warm(page, server, "text");
  await page.evaluate(() => window.streamPage.show("text", "offline"));
  await expect.poll(() => server.readers).toBe(1);
  server.write("offline", ["one "]);
  await expect.poll(() => textOf(page)).toBe("one ");
  const asked = server.asked.length;
  const condition = (offline: boolean) => ({ offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });

  await cdp.send("Network.enable");
  await cdp.send("Network.emulateNetworkConditions", condition(true));
  server.cut();
  await expect.poll(() => page.evaluate(() => window.streamPage.status)).toBe("paused");
  server.write("offline", ["two "]);
  await cdp.send("Network.emulateNetworkConditions", condition(false));
  const back = performance.now();
  await expect.poll(() => textOf(page), { intervals: [20] }).toBe("one two ");
  const backInMs = performance.now() - back;
  console.log(`back ${Math.round(backInMs)} ms after the network`);
  expect(backInMs).toBeLessThan(1_000);
  expect(server.asked.slice(asked)).toEqual(["0"]);
});
