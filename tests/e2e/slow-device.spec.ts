import { type CDPSession, expect } from "@playwright/test";
import { test } from "./stream-fixtures.ts";

/** Milliseconds that the page's thread has worked: not those in which others had the processor. */
const workedMs = async (cdp: CDPSession) => {
  const { metrics } = await cdp.send("Performance.getMetrics");
  return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
};

for (const kind of ["parts", "text"] as const) {
  test(`a device a quarter as fast shows 20 000 parts, held as ${kind}, with less than a frame of work each time`, async ({
    page,
    server,
    cdp,
  }) => {
    await page.goto("/");
    await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
    const show = async (key: string, count: number) => {
      const readers = server.readers;
      await page.evaluate(([shown, key]) => window.streamPage.show(shown, key), [kind, key] as const);
      await expect.poll(() => server.readers).toBe(readers + 1);
      const written = await server.writeNumbers(key, count, 1_000);
      await expect.poll(() => page.evaluate(() => window.streamPage.text.length)).toBe(written.length);
      await page.evaluate(() => window.streamPage.hide());
      await expect.poll(() => server.readers).toBe(0);
    };
    await show(`slow-warm-${kind}`, 100);
    await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    const before = await workedMs(cdp);
    await show(`slow-${kind}`, 20_000);
    const { renders } = await page.evaluate(() => ({ ...window.streamPage }));
    const each = ((await workedMs(cdp)) - before) / renders;
    console.log(`${kind}, a quarter as fast: ${renders} renders with ${each.toFixed(1)} ms of work each`);
    expect(renders).toBeLessThanOrEqual(62 * 20 + 100);
    expect(each).toBeLessThan(16);
  });
}
