// Drives the running console as a person would: node check.mjs http://127.0.0.1:3030/console
import { brief, drive } from "../shared/drive.mjs";

const address = process.argv[2] ?? process.env.DEMO_URL ?? "http://127.0.0.1:3030/console";
const region = (page, name) => page.getByRole("region", { name, exact: true });

async function trigger(page, task, payload) {
  await page.goto(`${address}#/`);
  await page.getByRole("button", { name: task, exact: true }).click();
  if (payload) await page.getByLabel("Payload, as JSON").fill(JSON.stringify(payload));
  await page.getByRole("button", { name: "Trigger" }).click();
  await page.getByRole("heading", { level: 1, name: task }).waitFor();
  return page.locator(".run .id code").innerText();
}

await drive("console", {
  async open(page) {
    await page.goto(address);
    await page.locator(".connection", { hasText: "Live" }).waitFor();
    return page.locator(".sum").innerText().then(brief);
  },
  async fail(page) {
    await trigger(page, "progress", { name: "Round the cape", steps: 4, fail: true });
    await region(page, "Error").waitFor();
    return region(page, "Error").innerText().then(brief);
  },
  async send(page) {
    await trigger(page, "approval", { topic: "the ferry in the fog" });
    const approval = region(page, "Input stream approval");
    await approval.getByText("The task waits for it").waitFor();
    await approval.getByRole("button", { name: "Send" }).click();
    await approval.getByText("The run has it.").waitFor();
    await page.locator(".run > .head", { hasText: "Completed" }).waitFor();
    return region(page, "Output stream result").innerText().then(brief);
  },
  async cancel(page) {
    await trigger(page, "chat");
    await page.getByRole("button", { name: "Cancel the run" }).click();
    await page.locator(".run > .head", { hasText: "Cancelled" }).waitFor();
    return page.locator(".history").innerText().then(brief);
  },
  async read(page) {
    const runId = await trigger(page, "story");
    const text = region(page, "Output stream tokens").locator("pre");
    await text.filter({ hasText: "lock keeper" }).waitFor();
    const before = (await text.innerText()).length;
    await page.waitForFunction((length) => document.querySelector(".tail pre")?.textContent.length > length, before);
    await page.goBack();
    await page.mouse.move(0, 0);
    await page.getByRole("row").filter({ hasText: runId }).waitFor();
    return `${await page.locator(".runs tbody tr").count()} runs in the list`;
  },
});
