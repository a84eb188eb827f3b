// Drives the running page as a person would: node check.mjs http://127.0.0.1:4174
import { drive } from "../shared/drive.mjs";

const address = process.argv[2] ?? process.env.DEMO_URL ?? "http://127.0.0.1:4174";
const rowOf = (page, name) => page.locator(".run", { hasText: name });
const levelOf = (row) => row.getByRole("progressbar").getAttribute("aria-valuenow").then(Number);

async function start(page, name, { steps = 24, fail = false } = {}) {
  await page.getByLabel("Set out to").fill(name);
  await page.getByRole("spinbutton").fill(String(steps));
  await page.getByRole("checkbox").setChecked(fail);
  await page.getByRole("button", { name: "Start the run" }).click();
  await rowOf(page, name).waitFor();
  return rowOf(page, name);
}

await drive("progress", {
  async open(page) {
    await page.goto(address);
    await page.getByText("No runs today.").waitFor();
    return page.url().replace(address, "");
  },
  async rise(page) {
    const row = await start(page, "Import the customers");
    const levels = new Set();
    while (!(await row.getAttribute("data-state")).startsWith("done")) levels.add(await levelOf(row));
    if (levels.size < 5) throw new Error(`the bar took ${levels.size} levels only`);
    return `${levels.size} levels, then ${await levelOf(row)} %: ${await row.locator(".says").innerText()}`;
  },
  async log(page) {
    const lines = page.getByRole("complementary", { name: "Log" }).getByRole("listitem");
    await lines.filter({ hasText: "Over at" }).waitFor();
    return `${await lines.count()} lines`;
  },
  async cancel(page) {
    const row = await start(page, "Sweep the archive", { steps: 400 });
    await row.filter({ hasText: /\d+ of 400/ }).waitFor();
    await row.getByRole("button", { name: "Cancel" }).click();
    await row.filter({ hasText: "Stopped on request." }).waitFor();
    return row.locator(".count").innerText();
  },
  async fail(page) {
    const row = await start(page, "Round the cape", { fail: true });
    await page.locator('.run[data-state="failed"]').waitFor();
    return row.locator(".says").innerText();
  },
});
