import { expect } from "@playwright/test";
import { bundlePage } from "./bundle-page.ts";
import { engine, test } from "./engine.ts";

const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src https://api.test; style-src 'none'";

test("the panel has its style where a policy refuses every style, and is used with the keyboard alone", async ({
  page,
  context,
}) => {
  const complaints: string[] = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", ({ message }) => complaints.push(message));
  const script = await bundlePage("panel");
  const html = { contentType: "text/html", headers: { "content-security-policy": policy } };
  const body = '<!doctype html><body><script type="module" src="/page.js"></script>';
  await context.route("https://app.test/", (route) => route.fulfill({ ...html, body }));
  await context.route("https://app.test/favicon.ico", (route) => route.fulfill({ status: 204 }));
  await context.route("https://app.test/page.js", (route) =>
    route.fulfill({ contentType: "text/javascript", body: script }),
  );
  const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
  await context.route("https://api.test/**", (route) => {
    const isQuestion = route.request().method() === "OPTIONS";
    return route.fulfill({
      headers: { ...cors, "x-stream-version": "v1" },
      contentType: "text/event-stream",
      body: isQuestion ? "" : 'id: 1\ndata: "secret"\n\n',
    });
  });
  await page.goto("https://app.test/");
  await expect(page.getByText("secret")).toBeVisible();

  const panel = page.getByRole("region", { name: "Tidegate" });
  await expect(panel).toHaveCSS("position", "fixed");
  await page.keyboard.press("Tab");
  await expect(panel.getByRole("button", { name: /^Tidegate: core running/ })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(panel.getByRole("row", { name: /^1: stream draft of run_1/ })).toBeVisible();
  await expect(panel.getByRole("row", { name: /first-part/ })).toBeVisible();
  await page.keyboard.press("Tab");
  await expect(panel.getByRole("button", { name: "Copy the dump" })).toBeFocused();
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.keyboard.press("Enter");
  await expect(panel.getByRole("status")).toHaveText("Copied.");
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  expect(JSON.parse(copied)).toMatchObject({ engine: { kind: engine, state: "running" }, readers: [{ cursor: "1" }] });
  expect(copied).not.toContain("secret");
  await page.keyboard.press("Escape");
  await expect(panel.getByRole("table")).toHaveCount(0);
  expect(complaints).toEqual([]);
});
