import type { Page } from "@playwright/test";
import { metadataOf, startJob } from "./api.ts";
import { test as base, expect } from "./fixtures.ts";
import { startPage } from "./processes.ts";

const test = base.extend({
  site: [
    async ({ cable }, use) => {
      const site = await startPage("preview", cable.url, "progress");
      await use(site);
      await site.stop();
    },
    { scope: "worker" },
  ],
});

const row = (page: Page, name: string) => page.locator(".run", { hasText: name });
const bar = (page: Page, name: string) => row(page, name).getByRole("progressbar");
const says = (page: Page, name: string) => row(page, name).locator(".says");
const level = (page: Page, name: string) => bar(page, name).getAttribute("aria-valuenow").then(Number);

async function open(page: Page, desk: string) {
  await page.goto(`/#${desk}`);
  await expect(page.locator(".connection")).toHaveText("Live");
}

/** Feeds of runs that the page has asked for, answered or not. */
function watchFeeds(page: Page) {
  const underWay = new Set<object>();
  const asked: string[] = [];
  let most = 0;
  page.on("request", (request) => {
    if (!request.url().includes("/realtime/v1/runs")) return;
    asked.push(request.url());
    underWay.add(request);
    most = Math.max(most, underWay.size);
  });
  for (const end of ["requestfinished", "requestfailed"] as const) {
    page.on(end as "requestfinished", (request) => underWay.delete(request));
  }
  return { asked, most: () => most };
}

test("runs that somebody else has started rise on one connection, and their end is told", async ({ page, api }) => {
  const feeds = watchFeeds(page);
  await open(page, "harbour1");
  await startJob(api.url, "harbour1", { name: "First", steps: 12 });
  await startJob(api.url, "harbour1", { name: "Second", steps: 400 });
  await startJob(api.url, "elsewhere", { name: "Not ours", steps: 12 });
  await expect.poll(() => level(page, "First"), { intervals: [20] }).toBeGreaterThan(0);
  await expect(says(page, "First")).toHaveText("Done.");
  await expect(bar(page, "First")).toHaveAttribute("aria-valuenow", "100");
  await expect.poll(() => level(page, "Second")).toBeGreaterThan(0);
  await expect(page.locator(".run")).toHaveCount(2);
  expect(feeds.most(), "feeds open at once").toBe(1);
});

test("a run is started, cancelled, and ends in good order", async ({ page, api }) => {
  const minted: string[] = [];
  page.on("request", (request) => request.url().includes("/api/runs/") && minted.push(request.url()));
  await open(page, "harbour2");
  await page.getByLabel("Set out to").fill("Sweep the archive");
  await page.getByRole("spinbutton").fill("400");
  await page.getByRole("button", { name: "Start the run" }).click();
  await expect(row(page, "Sweep the archive")).toContainText(/\d+ of 400/);
  expect(minted, "a token that can stop a run, before anybody wants to").toEqual([]);
  await row(page, "Sweep the archive").getByRole("button", { name: "Cancel" }).click();
  await expect(says(page, "Sweep the archive")).toHaveText("Stopped on request.");
  await expect(row(page, "Sweep the archive").getByRole("button", { name: "Cancel" })).toBeHidden();
  const runId = await page.getByRole("complementary", { name: "Log" }).locator("code").innerText();
  const { progress } = await metadataOf(api.url, runId);
  await expect(row(page, "Sweep the archive")).toContainText(`${progress.done} of 400`);
});

test("a run that fails says why", async ({ page, api }) => {
  await open(page, "harbour3");
  await startJob(api.url, "harbour3", { name: "Round the cape", steps: 6, fail: true });
  await expect(row(page, "Round the cape")).toHaveAttribute("data-state", "failed");
  await expect(says(page, "Round the cape")).toHaveText(/\S/);
});

test("a reload and a second page show the same runs, with the log of the one that is chosen", async ({ page, api }) => {
  await startJob(api.url, "harbour4", { name: "Older", steps: 4 });
  await startJob(api.url, "harbour4", { name: "Newer", steps: 4 });
  await open(page, "harbour4");
  await expect(says(page, "Newer")).toHaveText("Done.");
  await page.reload();
  await expect(page.locator(".run .name")).toHaveText(["Newer", "Older"]);
  const log = page.getByRole("complementary", { name: "Log" });
  await expect(log.getByRole("heading", { level: 3 })).toHaveText("Newer");
  await page.getByRole("button", { name: "Older" }).click();
  await expect(log.getByRole("heading", { level: 3 })).toHaveText("Older");
  await expect(log.getByRole("listitem")).not.toHaveCount(0);
});

test.describe("at an address of no desk", () => {
  test.use({ tolerated: [/Failed to load resource/] });

  test("the page says what one looks like", async ({ page }) => {
    await page.goto("/#../elsewhere");
    await expect(page.getByRole("alert")).toHaveText(/4 to 32 small letters and digits/);
  });
});

test.describe("when the network goes", () => {
  test.use({ tolerated: [/Failed to load resource|ERR_/] });

  test("the bars go on where the runs are, once it is back", async ({ page, api, cable, context }) => {
    await open(page, "harbour5");
    await startJob(api.url, "harbour5", { name: "Through the tunnel", steps: 30 });
    await expect.poll(() => level(page, "Through the tunnel")).toBeGreaterThan(0);
    cable.cut();
    await context.setOffline(true);
    await expect(page.locator(".connection")).toHaveText(/Paused|Reconnecting/);
    cable.mend();
    await context.setOffline(false);
    await expect(says(page, "Through the tunnel")).toHaveText("Done.");
    await expect(page.locator(".connection")).toHaveText("Live");
  });
});
