import { readStream } from "./api.ts";
import { expect, test } from "./fixtures.ts";

test.describe("with a bad connection", () => {
  test.use({ tolerated: [/net::ERR_/] });

  test("a draft cut three times says so, and ends whole and without repeats", async ({ desk, api, cable }) => {
    const runId = await desk.start();
    await desk.midDraft();
    const seen = (await desk.draft().textContent()) ?? "";
    for (const _ of [1, 2, 3]) {
      cable.cut();
      await expect(desk.connection()).toHaveText(/Reconnecting/);
      cable.mend();
      await expect(desk.connection()).toHaveText("Live");
    }
    await expect(desk.approve()).toBeEnabled();
    const whole = (await readStream(api.url, runId, "draft")).join("");
    expect(await desk.draft().textContent()).toBe(whole);
    expect(whole.startsWith(seen)).toBe(true);
    expect(whole.length).toBeGreaterThan(seen.length);
  });

  test("an answer given offline is queued, and sent once when the network is back", async ({ desk, api, page }) => {
    const runId = await desk.startAndRead();
    await page.context().setOffline(true);
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText("Queued until you are back online.");
    expect(desk.sent).toEqual([]);
    await page.context().setOffline(false);
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });

  test("an answer that got no reply is never repeated unasked", async ({ desk, api, page }) => {
    const runId = await desk.startAndRead();
    await page.route("**/input/approval", (route) => route.abort("connectionreset"), { times: 1 });
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText(/may or may not have arrived/);
    expect(desk.sent).toHaveLength(1);
    await page.getByRole("button", { name: "Send again" }).click();
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });
});
