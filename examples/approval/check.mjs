// Drives the running page as a person would: node check.mjs http://127.0.0.1:5173
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const address = process.argv[2] ?? process.env.DEMO_URL ?? "http://127.0.0.1:5173";
const executablePath = process.env.CHROMIUM_PATH || "/usr/bin/chromium";
const target = fileURLToPath(new URL("../../target/", import.meta.url));
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

await mkdir(target, { recursive: true });
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.setDefaultTimeout(30_000);

const complaints = [];
page.on("console", (message) => message.type() === "error" && complaints.push(`console: ${message.text()}`));
page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));

const draft = page.locator(".prose");
const approve = page.getByRole("button", { name: "Approve" });

const steps = {
  async open() {
    await page.goto(address);
    return page.getByRole("heading", { level: 1 }).innerText();
  },
  async start() {
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.waitForURL(/#run=run_/);
    return `run ${await page.locator("code").innerText()}`;
  },
  async stream() {
    await draft.filter({ hasText: /\S/ }).waitFor();
    const early = (await draft.innerText()).length;
    if (await approve.isEnabled()) throw new Error("Approve was enabled before the draft was finished");
    await page.locator("button:enabled", { hasText: "Approve" }).waitFor();
    const whole = await draft.innerText();
    if (whole.length <= early) throw new Error(`the draft came in one piece of ${early} characters`);
    return `${early} characters, then ${whole.length}: ${brief(whole)}`;
  },
  async approve() {
    await page.getByLabel("Note").fill("Good. Send it out.");
    await approve.click();
    await page.locator('.receipt[data-status="accepted"]').waitFor();
    return page.locator(".receipt").innerText();
  },
  async result() {
    const result = page.getByRole("region", { name: "Result" });
    await result.getByRole("heading", { name: "Published" }).waitFor();
    return brief(await result.locator("p").innerText());
  },
  async quiet() {
    if (complaints.length) throw new Error("the page complained");
    return "no error in the console";
  },
};

const brief = (text) => text.replace(/\s+/g, " ").slice(0, 72) + (text.length > 72 ? "…" : "");

let passed = 0;
let failed = 0;
for (const [name, run] of Object.entries(steps)) {
  try {
    console.log(`ok      ${name.padEnd(8)}${await run()}`);
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name.padEnd(8)}${error.message}`);
    const alerts = await page.getByRole("alert").allInnerTexts();
    for (const text of [...alerts.filter(Boolean).map((alert) => `page: ${alert}`), ...complaints]) {
      console.log(`        ${text}`);
    }
    break;
  }
}

const picture = `${target}demo${failed ? "-failed" : ""}.png`;
await page.screenshot({ path: picture, animations: "disabled" });
await browser.close();
console.log(`screenshot: ${picture}`);
console.log(`demo: ${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
