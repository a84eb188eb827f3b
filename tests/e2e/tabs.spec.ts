import type { Page } from "@playwright/test";
import { append, readStream } from "./api.ts";
import { Desk, expect, test } from "./fixtures.ts";

test.describe("ten tabs", () => {
  test.use({ tolerated: [/net::ERR_/] });

  test("of one draft use one connection, and lose nothing when the one that holds it is closed, or crashes", async ({
    desk,
    api,
    cable,
    page,
  }) => {
    test.setTimeout(120_000);
    const runId = await desk.start();
    const reads = () => cable.reads.filter((stream) => stream === `${runId}/draft`).length;
    const tabs = [desk];
    while (tabs.length < 10) {
      const tab = new Desk(await page.context().newPage());
      await tab.page.goto(page.url());
      tabs.push(tab);
    }
    const allShowTheWhole = async () => {
      const whole = (await readStream(api.url, runId, "draft")).join("");
      await Promise.all(tabs.map((tab) => expect.poll(() => tab.draft().textContent()).toBe(whole)));
    };
    const oneLeads = async () => {
      const leaders = () => tabs.filter(({ reading }) => reading.includes("draft"));
      await expect.poll(() => leaders().length).toBe(1);
      return leaders();
    };
    for (const tab of tabs) await expect(tab.approve()).toBeEnabled();
    await allShowTheWhole();
    expect(reads()).toBe(1);

    const write = async (words: string[]) => {
      for (const word of words) await append(api.url, runId, "draft", ` ${word}`);
    };
    const ends: ((leader: Page) => Promise<unknown>)[] = [
      (leader) => leader.close(),
      crash,
      (leader) => leader.close(),
    ];
    for (const [index, end] of ends.entries()) {
      const leaders = await oneLeads();
      const leader = leaders[0] as Desk;
      const writing = write(Array.from({ length: 60 }, (_, word) => `${index}:${word}`));
      await expect.poll(() => leader.draft().textContent()).toContain(` ${index}:20`);
      await end(leader.page);
      tabs.splice(tabs.indexOf(leader), 1);
      await writing;
      await allShowTheWhole();
      // One for whoever takes over, and one for a tab that waited two seconds for its answer, as on a machine that is very busy.
      expect(reads() - (index + 2)).toBeGreaterThanOrEqual(0);
      expect(reads() - (index + 2)).toBeLessThanOrEqual(1);
      await oneLeads();
    }

    const [last] = tabs;
    await last?.approve().click();
    for (const tab of tabs) await expect(tab.result().getByRole("heading")).toHaveText("Published");
  });
});

/** The tab's process ends at once, and nothing of the page runs any more. */
async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent("crash");
  const session = await page.context().newCDPSession(page);
  session.send("Page.crash").catch(() => {});
  await crashed;
}
