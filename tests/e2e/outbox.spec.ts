import type { BrowserContext } from "@playwright/test";
import { readStream } from "./api.ts";
import { Desk, expect, test } from "./fixtures.ts";

/** Serves the page while the network is away, as a service worker does for a page that works offline. */
async function servePageOffline(context: BrowserContext, site: string) {
  // Chromium takes a page that came from no address for one from outside, and asks before it may talk to this machine.
  await context.grantPermissions(["local-network-access"]);
  await context.route(`${site}/**`, async (route) => {
    const request = route.request();
    const response = await fetch(request.url(), {
      method: request.method(),
      headers: { "content-type": "application/json" },
      ...(request.postData() && { body: request.postData() }),
    });
    const headers = { "content-type": response.headers.get("content-type") ?? "text/plain" };
    await route.fulfill({ status: response.status, headers, body: Buffer.from(await response.arrayBuffer()) });
  });
}

/** A run on two tabs that work offline, both ready for an answer. */
async function openInTwoTabs(desk: Desk, site: string) {
  const context = desk.page.context();
  await servePageOffline(context, site);
  const runId = await desk.startAndRead();
  const second = new Desk(await context.newPage());
  await second.page.goto(desk.page.url());
  await expect(second.approve()).toBeEnabled();
  return { runId, second };
}

test.describe("an outbox", () => {
  test.use({ tolerated: [/net::ERR_/] });

  test("an approval given offline survives a reload, and is sent once", async ({ desk, api, page, site }) => {
    await servePageOffline(page.context(), site.url);
    const runId = await desk.startAndRead();
    await page.context().setOffline(true);
    await page.getByLabel("Note").fill("From the ferry.");
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText("Queued until you are back online.");
    await page.reload();
    await expect(desk.receipt()).toHaveText("Queued until you are back online.");
    await expect(page.locator("blockquote")).toHaveText("ApproveFrom the ferry.");
    expect(desk.sent).toEqual([]);

    await page.context().setOffline(false);
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    await expect(desk.receipt()).toHaveText("The task has your answer.");
    expect(desk.sent).toEqual(['{"data":{"approved":true,"note":"From the ferry."}}']);
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
    await page.reload();
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    expect(desk.sent).toHaveLength(1);
  });

  test("two tabs with one outbox send an answer once", async ({ desk, api, page, site }) => {
    const { runId, second } = await openInTwoTabs(desk, site.url);
    await page.context().setOffline(true);
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText("Queued until you are back online.");
    await Promise.all([page.reload(), second.page.reload()]);
    const queued = (page: typeof desk) => page.receipt().filter({ hasText: "Queued until you are back online." });
    await expect.poll(async () => (await queued(desk).count()) + (await queued(second).count())).toBe(1);

    await page.context().setOffline(false);
    for (const tab of [desk, second]) await expect(tab.result().getByRole("heading")).toHaveText("Published");
    expect([...desk.sent, ...second.sent]).toEqual(['{"data":{"approved":true}}']);
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });

  test("an answer of a tab that was closed is sent by the one that is left", async ({ desk, api, page, site }) => {
    const { runId, second } = await openInTwoTabs(desk, site.url);
    await page.context().setOffline(true);
    await second.reject().click();
    await expect(second.receipt()).toHaveText("Queued until you are back online.");
    await second.page.close();
    await page.context().setOffline(false);
    await expect(desk.result().getByRole("heading")).toHaveText("Rejected");
    expect(desk.sent).toEqual(['{"data":{"approved":false}}']);
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });

  test("an answer that was on its way at a reload is unknown, and not sent again unasked", async ({
    desk,
    api,
    page,
  }) => {
    const runId = await desk.startAndRead();
    let left = () => {};
    const leaving = new Promise<void>((resolve) => {
      left = resolve;
    });
    await page.route("**/input/approval", () => left(), { times: 1 });
    await desk.approve().click();
    await leaving;
    await page.reload();
    await expect(desk.receipt()).toHaveText(/may or may not have arrived/);
    expect(desk.sent).toHaveLength(1);
    await page.getByRole("button", { name: "Send again" }).click();
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });
});
