import type { Page } from "@playwright/test";
import { append, cancelRun, mintToken, readStream, startDesk, trigger, triggerMany } from "./api.ts";
import { test as base, expect } from "./fixtures.ts";
import { consoleFolder } from "./processes.ts";

const test = base.extend({
  // The server itself serves the page, through the cable.
  site: [async ({ cable }, use) => use({ url: cable.url, stop: async () => {} }), { scope: "worker" }],
});
test.use({ apiFlags: ["--console", consoleFolder] });

const connection = (page: Page) => page.locator(".rail .connection");
const row = (page: Page, runId: string) => page.getByRole("row").filter({ hasText: runId });
const status = (page: Page) => page.locator(".run > .head .status");
const output = (page: Page, key: string) => page.getByRole("region", { name: `Output stream ${key}`, exact: true });
const input = (page: Page, id: string) => page.getByRole("region", { name: `Input stream ${id}`, exact: true });
/** How far the metadata of a `progress` run say it is. */
async function stepOf(page: Page): Promise<number> {
  const metadata = await page.getByRole("region", { name: "Metadata" }).innerText();
  return Number(/: step (\d+) of/.exec(metadata)?.[1] ?? 0);
}

const runIdOf = (page: Page) => page.locator(".run .id code").innerText();

async function openRun(page: Page, runId: string) {
  await page.goto(`/console#/runs/${runId}`);
  await expect(page.locator(".run .id code")).toHaveText(runId);
  await expect(status(page)).toBeVisible();
}

test("runs appear by themselves, newest first, and are filtered by status, task and tag", async ({ page, api }) => {
  const response = await page.goto("/");
  expect(page.url()).toMatch(/\/console$/);
  expect(response?.headers()["content-security-policy"]).toContain("script-src 'self' 'wasm-unsafe-eval'");
  await expect(connection(page)).toHaveText("Live");
  const older = await trigger(api.url, "progress", { steps: 2 }, { tags: ["imports", "user_7"] });
  const newer = await trigger(api.url, "progress", { steps: 4, fail: true }, { tags: ["exports"] });
  const idle = await trigger(api.url, "nobody-runs-this");
  await expect(page.locator(".runs tbody code")).toHaveText([idle, newer, older]);
  await expect(row(page, older)).toContainText("Completed");
  await expect(row(page, newer)).toContainText("Failed");
  await expect(row(page, idle)).toContainText("Queued");

  await page.getByLabel("Status").selectOption("Failed");
  await expect(page.locator(".runs tbody code")).toHaveText([newer]);
  await expect(page.locator(".list [role=status]")).toHaveText("1 of 3");
  await page.reload();
  await expect(page.locator(".runs tbody code")).toHaveText([newer]);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByLabel("Task").first().selectOption("progress");
  await expect(page.locator(".runs tbody code")).toHaveText([newer, older]);
  await page.getByRole("button", { name: "Show older runs" }).click();
  await expect(page.getByText("There are no older runs.")).toBeVisible();
  await page.getByRole("link", { name: "imports" }).click();
  await expect(page.locator(".runs tbody code")).toHaveText([older]);
  expect(page.url()).toContain("#/?task=progress&tag=imports");
  await page.goBack();
  await expect(page.locator(".runs tbody code")).toHaveText([newer, older]);
  await page.getByLabel("Tag", { exact: true }).fill("no such tag");
  await expect(page.getByText("No run is like that.")).toBeVisible();
});

test("a run is triggered, read as it writes, answered once, and seen to its end", async ({ page, api }) => {
  await page.goto("/console");
  await page.getByRole("button", { name: "approval", exact: true }).click();
  await page.getByLabel("Payload, as JSON").fill('{ "topic": "the tide tables", }');
  await page.getByRole("button", { name: "Trigger" }).click();
  await expect(page.getByRole("alert")).toHaveText(/no JSON: see line 1, column \d+/);
  await expect(page.getByLabel("Payload, as JSON")).toHaveAttribute("aria-invalid", "true");
  await page.getByLabel("Payload, as JSON").fill('{ "topic": "the tide tables" }');
  await expect(page.getByRole("alert")).toHaveCount(0);
  await page.getByLabel(/^Tags/).fill("letters, november");
  await page.getByRole("button", { name: "Trigger" }).click();

  await expect(page.getByRole("heading", { level: 1 })).toHaveText("approval");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await expect(status(page)).toHaveText("Executing");
  await expect(output(page, "draft")).toContainText("the tide tables");
  await expect(output(page, "result")).toContainText('{"state":"waiting"}');
  await expect(input(page, "approval")).toContainText("The task waits for it");
  await expect(page.locator(".facts .tags a")).toHaveText(["letters", "november"]);
  const runId = await runIdOf(page);
  expect(await output(page, "draft").locator("pre").textContent()).toBe(
    (await readStream(api.url, runId, "draft")).join(""),
  );

  const field = input(page, "approval").getByLabel("Data, as JSON");
  await field.fill("yes");
  await field.press("Control+Enter");
  await expect(input(page, "approval").getByRole("alert")).toHaveText(/^This is no JSON/);
  await field.fill('{ "approved": true, "note": "Print it." }');
  await input(page, "approval").getByRole("button", { name: "Send" }).click();
  await expect(input(page, "approval").locator(".sends")).toContainText("The run has it.");
  await expect(input(page, "approval").locator(".parts")).toHaveText('{"approved":true,"note":"Print it."}');
  await expect(status(page)).toHaveText("Completed");
  await expect(output(page, "result")).toContainText("Print it.");
  await expect(page.getByRole("region", { name: "Output", exact: true })).toContainText('"state": "published"');
  await expect(page.locator(".history li").last()).toContainText("Completed");
  await expect(page.getByText("It takes no more.")).toBeVisible();
  expect(await readStream(api.url, runId, "input/approval")).toEqual(['{"approved":true,"note":"Print it."}']);

  await page.goBack();
  await expect(row(page, runId)).toContainText("Completed");
});

test("metadata rise live, and a run is cancelled", async ({ page, api }) => {
  const runId = await trigger(api.url, "progress", { name: "Sweep", steps: 900 });
  await openRun(page, runId);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(0);
  const before = await stepOf(page);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(before);
  await page.getByRole("button", { name: "Cancel the run" }).click();
  await expect(status(page)).toHaveText("Cancelled");
  await expect(page.getByRole("button", { name: "Cancel the run" })).toBeHidden();
});

test("a task is stopped by its input stream, and a failure says why", async ({ page, api }) => {
  await openRun(page, await trigger(api.url, "story"));
  await expect(output(page, "tokens")).toContainText("The lock keeper at the old tide gate");
  await input(page, "cancel").getByRole("button", { name: "Send" }).click();
  await expect(page.getByRole("region", { name: "Output", exact: true })).toContainText('"stopped":true');

  await openRun(page, await trigger(api.url, "progress", { name: "Reef", steps: 2, fail: true }));
  await expect(page.getByRole("region", { name: "Error" })).toContainText("Reef failed at step 2 of 2");
});

test("any input stream can be sent to, and what others send is there", async ({ page, api }) => {
  const { runId } = await startDesk(api.url);
  await openRun(page, runId);
  await page.getByLabel("Name of the stream").fill("notes");
  await page.getByRole("button", { name: "Add" }).click();
  await input(page, "notes").getByLabel("Data, as JSON").fill('["first"]');
  await input(page, "notes").getByRole("button", { name: "Send" }).click();
  await expect(input(page, "notes").locator(".parts li")).toHaveText(['["first"]']);
  await fetch(`${api.url}/realtime/v1/streams/${runId}/input/elsewhere`, {
    method: "POST",
    headers: { authorization: "Bearer tr_dev_e2e" },
    body: '{"data":2}',
  });
  await expect(input(page, "elsewhere").locator(".parts li")).toHaveText(["2"]);
  await append(api.url, runId, "log", "hello");
  await expect(output(page, "log")).toContainText("hello");
  await page.reload();
  await expect(input(page, "notes").locator(".parts li")).toHaveText(['["first"]']);
});

test("a token that ends is followed by another, and nothing stops", async ({ page, api }) => {
  const runId = await trigger(api.url, "progress", { name: "Long", steps: 900 });
  let asked = 0;
  await page.route("**/console/api/token", async (route) => {
    asked += 1;
    if (asked > 1) return route.continue();
    return route.fulfill({ json: { accessToken: await mintToken(api.url, runId, 5) } });
  });
  await openRun(page, runId);
  await expect.poll(() => asked).toBeGreaterThan(1);
  const before = await stepOf(page);
  await expect.poll(() => stepOf(page)).toBeGreaterThan(before);
  await input(page, "cancel").getByRole("button", { name: "Send" }).click();
  await expect(status(page)).toHaveText("Completed");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href]));
  expect(kept).not.toContain("eyJ");
});

test("hundreds of runs are a list that stays quick", async ({ page, api }) => {
  await triggerMany(api.url, "many", 400);
  await triggerMany(api.url, "many", 400);
  await triggerMany(api.url, "many", 400);
  // So many are followed; the others are asked for.
  await page.goto("/console");
  const count = page.locator(".list [role=status]");
  await expect(count).toHaveText("1000 runs");
  await page.getByRole("button", { name: "Show older runs" }).click();
  await expect(count).toHaveText(/^10\d\d runs$/);
  await expect(count).not.toHaveText("1000 runs");
  await page.goto("/console#/?task=many");
  await expect(page.locator(".runs tbody tr")).toHaveCount(100);
  await page.getByRole("button", { name: /^Show 100 more/ }).click();
  await expect(page.locator(".runs tbody tr")).toHaveCount(200);
  const newest = await trigger(api.url, "many");
  await expect(page.locator(".runs tbody code").first()).toHaveText(newest);
  // Where the list was, it is when one comes back.
  await page.locator(".runs tbody a").nth(60).scrollIntoViewIfNeeded();
  const place = await page.evaluate(() => scrollY);
  expect(place).toBeGreaterThan(0);
  await page.locator(".runs tbody tr th a").nth(60).click();
  await expect(page.locator(".run .id code")).toBeVisible();
  expect(await page.evaluate(() => scrollY)).toBe(0);
  await page.goBack();
  await expect(page.locator(".runs tbody code").first()).toHaveText(newest);
  await expect.poll(() => page.evaluate(() => scrollY)).toBe(place);
  await page.locator(".runs tbody a").first().focus();
  await page.keyboard.press("Enter");
  await expect(page.locator(".run .id code")).toHaveText(newest);
  await cancelRun(api.url, newest);
  await expect(status(page)).toHaveText("Cancelled");
});

test.describe("when the network goes", () => {
  test.use({ tolerated: [/Failed to load resource|ERR_/] });

  test("what is sent waits, and everything goes on once it is back", async ({ page, api, cable, context }) => {
    const { runId } = await startDesk(api.url);
    await append(api.url, runId, "log", "before ");
    await openRun(page, runId);
    await expect(output(page, "log")).toContainText("before");
    await page.getByLabel("Name of the stream").fill("notes");
    await page.getByRole("button", { name: "Add" }).click();
    await context.setOffline(true);
    cable.cut();
    await expect(connection(page)).toHaveText(/Paused|Reconnecting/);
    await append(api.url, runId, "log", "meanwhile");
    await input(page, "notes").getByLabel("Data, as JSON").fill("1");
    await input(page, "notes").getByRole("button", { name: "Send" }).click();
    await expect(input(page, "notes").locator(".sends")).toContainText("Queued until you are back online.");
    cable.mend();
    await context.setOffline(false);
    await expect(input(page, "notes").locator(".sends")).toContainText("The run has it.");
    await expect(output(page, "log").locator("pre")).toHaveText("before meanwhile");
    await expect(connection(page)).toHaveText("Live");
    expect(await readStream(api.url, runId, "input/notes")).toEqual(["1"]);
  });

  test("a page without a token says so, and has one as soon as the server answers", async ({ page }) => {
    await page.route("**/console/api/token", (route) => route.abort());
    await page.goto("/console");
    await expect(page.getByRole("alert")).toContainText("The server does not answer.");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.unroute("**/console/api/token");
    await expect(connection(page)).toHaveText("Live");
    await expect(page.getByRole("alert")).toHaveCount(0);
  });

  test("an address without a run says so", async ({ page }) => {
    await page.goto("/console#/runs/run_none");
    await expect(page.getByRole("alert")).toBeVisible();
  });
});

test.describe("by a name that only points here", () => {
  test.use({ tolerated: [/403/] });

  test("the page is given no token", async ({ page, cable }) => {
    await page.goto(`${cable.url.replace("127.0.0.1", "elsewhere.localhost")}/console`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("The console is closed here");
    await expect(page.getByRole("alert")).toContainText("--console-host");
  });
});
