import { expect, test } from "./fixtures.ts";
import { startPage } from "./processes.ts";

test("StrictMode mounts twice and opens each stream once", async ({ desk, cable, page }) => {
  // Only the development build of React mounts twice.
  const dev = await startPage("dev", cable.url);
  try {
    const tokens: string[] = [];
    page.on("request", (request) => request.url().endsWith("/token") && tokens.push(request.url()));
    await desk.start("the ferry in the fog", dev.url);
    await expect(desk.approve()).toBeEnabled();
    desk.opened.length = 0;
    await page.reload();
    await expect(desk.approve()).toBeEnabled();
    expect(tokens, "an effect that StrictMode runs twice").toHaveLength(2);
    expect(desk.opened.sort()).toEqual(["draft", "result"]);
  } finally {
    await dev.stop();
  }
});
