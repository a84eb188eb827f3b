import { readStream } from "./api.ts";
import { expect, test } from "./fixtures.ts";

// As Trigger.dev: a repeated send is a second record.
test.use({ apiFlags: ["--no-idempotence"] });

test.describe("with a bad connection", () => {
  test.use({ tolerated: [/net::ERR_|status of 403/] });

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

  test("an answer that got no reply is looked for, and sent again when it is not there", async ({
    desk,
    api,
    page,
  }) => {
    const runId = await desk.startAndRead();
    await page.route("**/input/approval", (route) => route.abort("connectionreset"), { times: 1 });
    await desk.approve().click();
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    expect(desk.sent).toHaveLength(2);
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });

  test("an answer that got no reply and cannot be looked for is never repeated unasked", async ({
    desk,
    api,
    page,
  }) => {
    const runId = await desk.startAndRead();
    const refusal = { status: 403, headers: { "access-control-allow-origin": "*" }, body: "{}" };
    await page.route("**/input/approval", (route) =>
      route.request().method() === "GET" ? route.fulfill(refusal) : route.abort("connectionreset"),
    );
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText(/may or may not have arrived/);
    expect(desk.sent).toHaveLength(1);
    await page.unroute("**/input/approval");
    await page.getByRole("button", { name: "Send again" }).click();
    await expect(desk.result().getByRole("heading")).toHaveText("Published");
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });
});
