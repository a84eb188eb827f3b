import type { Route } from "@playwright/test";
import { answer, cancelRun, mintToken, readStream, statusOf } from "./api.ts";
import { expect, test } from "./fixtures.ts";

test("a draft streams in, waits, is approved, and the result streams back", async ({ desk, api }) => {
  const runId = await desk.start("the ferry in the fog");
  await desk.midDraft();
  await expect(desk.connection()).toHaveText("Live");
  await expect(desk.approve()).toBeEnabled();
  await expect(desk.draft()).toHaveText(/the ferry in the fog/i);

  await desk.page.getByLabel("Note").fill("Send it out.");
  await desk.approve().click();
  await expect(desk.receipt()).toHaveText("The task has your answer.");
  await expect(desk.result().getByRole("heading")).toHaveText("Published");

  expect(await readStream(api.url, runId, "input/approval")).toEqual(['{"approved":true,"note":"Send it out."}']);
  expect((await readStream(api.url, runId, "draft")).join("")).toBe(await desk.draft().textContent());
});

test("a rejection arrives as surely as an approval", async ({ desk, api }) => {
  const runId = await desk.startAndRead();
  await desk.reject().click();
  await expect(desk.result().getByRole("heading")).toHaveText("Rejected");
  await expect(desk.page.locator("blockquote")).toHaveText("Rejected");
  expect(await readStream(api.url, runId, "input/approval")).toEqual(['{"approved":false}']);
});

test("the streams of a finished run end, and after a reload soon", async ({ desk, page }) => {
  await desk.startAndRead();
  await desk.approve().click();
  await expect(desk.result().getByRole("heading")).toHaveText("Published");
  await expect(desk.connection()).toHaveText("Finished", { timeout: 10_000 });
  await page.reload();
  await expect(desk.connection()).toHaveText("Finished", { timeout: 5_000 });
  await expect(desk.result().getByRole("heading")).toHaveText("Published");
});

test("a run that is cancelled while it waits closes the buttons and says so", async ({ desk, api, page }) => {
  const runId = await desk.startAndRead();
  await cancelRun(api.url, runId);
  await expect(desk.receipt()).toHaveText("The run has ended without an answer.");
  await expect(desk.approve()).toBeHidden();
  await page.reload();
  await expect(desk.receipt()).toHaveText("The run has ended without an answer.");
  await expect(desk.connection()).toHaveText("Finished");
});

test("a double click sends one answer", async ({ desk, api }) => {
  const runId = await desk.startAndRead();
  await desk.approve().dblclick();
  await expect(desk.result().getByRole("heading")).toHaveText("Published");
  expect(desk.sent).toEqual(['{"data":{"approved":true}}']);
  expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
});

test("the whole way works from the keyboard", async ({ desk, page }) => {
  await page.goto("/");
  await expect(page.getByLabel("Write a few lines about")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await expect(desk.approve()).toBeEnabled();

  await page.keyboard.press("Tab");
  await expect(page.getByLabel("Note")).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(desk.approve()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(desk.receipt()).toBeFocused();
  await expect(desk.result().getByRole("heading")).toHaveText("Published");
});

test("a reload in mid-draft goes on, and shows the whole text once", async ({ desk, api, page }) => {
  const runId = await desk.start();
  await desk.midDraft();
  await page.reload();
  await desk.midDraft();
  expect(await desk.runId()).toBe(runId);
  await expect(desk.approve()).toBeEnabled();
  expect(await desk.draft().textContent()).toBe((await readStream(api.url, runId, "draft")).join(""));

  await desk.approve().click();
  await expect(desk.result().getByRole("heading")).toHaveText("Published");
  expect(
    await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, at: location.href })),
  ).not.toMatch(/eyJ/);
});

test("a token that expired while the page was read is renewed for the answer", async ({ desk, api, page }) => {
  let accessToken = "";
  await page.route("**/api/runs", async (route) => {
    const response = await route.fetch();
    const started = await response.json();
    accessToken = await mintToken(api.url, started.runId, 3);
    await route.fulfill({ response, json: { ...started, accessToken } });
  });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const runId = await desk.startAndRead();
  await expect.poll(() => statusOf(api.url, runId, accessToken)).toBe(401);

  await desk.approve().click();
  // On a slow machine the reader may have asked for it before.
  await expect.poll(() => asked).toContain(`/api/runs/${runId}/token`);
  await expect(desk.result().getByRole("heading")).toHaveText("Published");
  expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
});

test("starting over leads to a fresh page, and back returns to the run", async ({ desk, page }) => {
  const runId = await desk.startAndRead("the old pier");
  await page.getByRole("button", { name: "Start over" }).click();
  await expect(page.getByLabel("Write a few lines about")).toBeFocused();
  await page.goBack();
  await expect(desk.approve()).toBeEnabled();
  expect(await desk.runId()).toBe(runId);
});

test.describe("when another person was faster", () => {
  test.use({ tolerated: [/status of 400/] });

  test("an answer to a finished run says that it has finished", async ({ desk, api, page }) => {
    const runId = await desk.startAndRead();
    await page.route("**/input/approval", async (route) => {
      await answer(api.url, runId, { approved: false });
      await expect.poll(() => answer(api.url, runId, { approved: false })).toBe(400);
      await route.continue();
    });
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText(/The run has finished/);
    await expect(desk.result().getByRole("heading")).toHaveText("Rejected");
    await expect(desk.approve()).toBeHidden();
  });
});

test.describe("when the reply is lost", () => {
  test.use({ tolerated: [/net::ERR_/] });

  test("an answer is sent again, and the server knows it though the run has finished", async ({ desk, api, page }) => {
    const runId = await desk.startAndRead();
    const loseReply = async (route: Route) => {
      await route.fetch();
      await expect(desk.result().getByRole("heading")).toHaveText("Published");
      await route.abort("connectionreset");
    };
    await page.route("**/input/approval", loseReply, { times: 1 });
    await desk.approve().click();
    await expect(desk.receipt()).toHaveText("The task has your answer.");
    expect(desk.sent).toHaveLength(2);
    expect(await readStream(api.url, runId, "input/approval")).toHaveLength(1);
  });
});
