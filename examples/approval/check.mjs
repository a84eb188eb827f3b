// Drives the running page as a person would: node check.mjs http://127.0.0.1:4173
import { brief, drive } from "../shared/drive.mjs";

const address = process.argv[2] ?? process.env.DEMO_URL ?? "http://127.0.0.1:4173";
const draftOn = (page) => page.locator(".prose");
const approveOn = (page) => page.getByRole("button", { name: "Approve" });

await drive("approval", {
  async open(page) {
    await page.goto(address);
    return page.getByRole("heading", { level: 1 }).innerText();
  },
  async start(page) {
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.waitForURL(/#run=run_/);
    return `run ${await page.locator("code").innerText()}`;
  },
  async stream(page) {
    const draft = draftOn(page);
    await draft.filter({ hasText: /\S/ }).waitFor();
    const early = (await draft.innerText()).length;
    if (await approveOn(page).isEnabled()) throw new Error("Approve was enabled before the draft was finished");
    await page.locator("button:enabled", { hasText: "Approve" }).waitFor();
    const whole = await draft.innerText();
    if (whole.length <= early) throw new Error(`the draft came in one piece of ${early} characters`);
    return `${early} characters, then ${whole.length}: ${brief(whole)}`;
  },
  async approve(page) {
    await page.getByLabel("Note").fill("Good. Send it out.");
    await approveOn(page).click();
    await page.locator('.receipt[data-status="accepted"]').waitFor();
    return page.locator(".receipt").innerText();
  },
  async result(page) {
    const result = page.getByRole("region", { name: "Result" });
    await result.getByRole("heading", { name: "Published" }).waitFor();
    return brief(await result.locator("p").innerText());
  },
});
