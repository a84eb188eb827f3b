import { expect, test } from "./fixtures.ts";
import { startPage } from "./processes.ts";

test.describe("when something is wrong", () => {
  test.use({ tolerated: [/Failed to load resource/] });

  test("no server: the page says where it looked", async ({ page }) => {
    const lost = await startPage("preview", "http://127.0.0.1:9");
    try {
      await page.goto(lost.url);
      await page.getByRole("button", { name: "Start the run" }).click();
      await expect(page.getByRole("alert")).toHaveText(/No server answers at http:\/\/127\.0\.0\.1:9\./);
      await expect(page.getByRole("button", { name: "Start the run" })).toBeEnabled();
    } finally {
      await lost.stop();
    }
  });

  test("a run that nobody knows: the page says so and offers to start over", async ({ page }) => {
    await page.goto("/#run=run_doesnotexist");
    await expect(page.getByRole("alert")).toHaveText(/no such run/);
    await page.getByRole("button", { name: "Start over" }).click();
    await expect(page.getByRole("button", { name: "Start the run" })).toBeEnabled();
  });

  test("an address without a run id: the page says what one looks like", async ({ page }) => {
    await page.goto("/#run=42");
    await expect(page.getByRole("alert")).toHaveText(/starts with run_/);
  });
});

for (const [name, data, sentence] of [
  ["no topic", "{}", /needs a topic/],
  ["a blank topic", '{"topic":"  "}', /needs a topic/],
  ["a long topic", JSON.stringify({ topic: "x".repeat(121) }), /under 120/],
  ["no JSON", "topic", /as JSON/],
] as const) {
  test(`the backend refuses ${name} with a sentence`, async ({ request }) => {
    const response = await request.post("/api/runs", {
      data: Buffer.from(data),
      headers: { "content-type": "application/json" },
    });
    expect(response.status()).toBe(400);
    expect((await response.json()).error).toMatch(sentence);
  });
}
