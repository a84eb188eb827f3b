import { setTimeout as pause } from "node:timers/promises";
import type { Page } from "@playwright/test";
import { append, cancelRun, startDesk } from "./api.ts";
import { startCrowdSite } from "./crowd-site.ts";
import { test as base, expect } from "./fixtures.ts";
import type { Crowd } from "./pages/crowd.tsx";
import type { Started } from "./processes.ts";
import { Turnstile } from "./turnstile.ts";

const keys = Array.from({ length: 20 }, (_, number) => `stream-${number}`);
const clicks = 10;

interface Each {
  turnstile: Turnstile;
  crowd: Crowd;
}

const test = base.extend<Each, { crowdSite: Started }>({
  crowdSite: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern to learn what a fixture needs.
    async ({}, use) => {
      const site = await startCrowdSite();
      await use(site);
      await site.stop();
    },
    { scope: "worker" },
  ],
  turnstile: async ({ api }, use) => {
    const turnstile = await Turnstile.before(api.url);
    await use(turnstile);
    await turnstile.stop();
  },
  crowd: async ({ api, turnstile }, use) => use({ baseURL: turnstile.url, ...(await startDesk(api.url)), keys }),
  page: async ({ page, crowdSite }, use) => {
    await page.goto(crowdSite.url);
    await use(page);
  },
});

test("twenty streams leave room for a send, show everything, and end with their run", async ({
  page,
  api,
  crowd,
  turnstile,
}) => {
  test.setTimeout(180_000);
  const { runId } = crowd;
  const alone = await measure(page, turnstile, { ...crowd, keys: [] });
  const writer = new Writer(api.url, runId);
  // Others use the machine too: what is late three times in a row, be it a send or a socket that closes, is late for a reason of ours.
  let beside: number[] = [];
  let most = Number.POSITIVE_INFINITY;
  for (let tries = 3; tries > 0 && (tries === 3 || worst(beside) >= 200 || most > 4); tries--) {
    const times = await measure(page, turnstile, crowd);
    if (tries === 3 || worst(times) < worst(beside)) beside = times;
    most = Math.min(most, turnstile.fullest);
  }
  console.log(`a send beside no stream: ${describe(alone)}; beside 20: ${describe(beside)}`);
  expect(worst(beside), "milliseconds").toBeLessThan(200);
  expect(most, "streams open at once to the server").toBe(4);

  await writer.stop();
  for (const [number, key] of keys.entries()) {
    await expect(page.getByRole("listitem").nth(number)).toHaveText(writer.written(key));
  }
  await cancelRun(api.url, runId);
  const cancelled = performance.now();
  await expect(page.locator("li[data-status=ended][data-end-reason=run-finished]")).toHaveCount(keys.length, {
    timeout: 30_000,
  });
  console.log(`20 streams ended ${((performance.now() - cancelled) / 1000).toFixed(1)} s after their run`);
  await expect.poll(() => turnstile.open).toBe(0);
});

test("without turns, a send waits behind the streams", async ({ page, crowd, turnstile }) => {
  await page.evaluate((crowd) => window.fetchCrowd(crowd), crowd);
  await expect.poll(() => turnstile.fullest).toBe(6);
  const took = await page.evaluate((crowd) => window.post(crowd), crowd);
  console.log(`a send beside 20 fetches, each of them over after a second without a part: ${took.toFixed()} ms`);
  expect(took).toBeGreaterThan(1000);
});

/** Milliseconds from each click to its receipt. Where streams are read, each click comes as one of them asks for its turn. */
async function measure(page: Page, turnstile: Turnstile, crowd: Crowd): Promise<number[]> {
  await page.reload();
  // Of the page that was there before.
  await expect.poll(() => turnstile.open).toBe(0);
  turnstile.forget();
  await page.evaluate((crowd) => window.showCrowd(crowd), crowd);
  const readTimes = async (): Promise<number[]> => JSON.parse(await page.locator("output").innerText());
  for (let click = 1; click <= clicks; click++) {
    if (crowd.keys.length > 0) await turnstile.nextStream();
    await page.getByRole("button", { name: "Send" }).click();
    await expect.poll(async () => (await readTimes()).length).toBe(click);
  }
  return readTimes();
}

const worst = (times: number[]) => Math.max(...times);

function describe(times: number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  return `median ${median.toFixed()} ms, worst ${worst(times).toFixed()} ms of ${times.length}`;
}

/** Writes to every stream, round after round, ten rounds a second at most. */
class Writer {
  #rounds = 0;
  #stopped = false;
  readonly #going: Promise<void>;

  constructor(apiUrl: string, runId: string) {
    this.#going = this.#write(apiUrl, runId);
  }

  async #write(apiUrl: string, runId: string) {
    while (!this.#stopped) {
      const round = this.#rounds;
      await Promise.all([pause(100), ...keys.map((key) => append(apiUrl, runId, key, `${key}:${round}`))]);
      this.#rounds += 1;
    }
  }

  /** Ends with a whole round. */
  stop(): Promise<void> {
    this.#stopped = true;
    return this.#going;
  }

  written(key: string): string {
    return Array.from({ length: this.#rounds }, (_, round) => `${key}:${round}`).join(" ");
  }
}
