// Drives the running page of an example as a person would.
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const executablePath = process.env.CHROMIUM_PATH || "/usr/bin/chromium";
const target = fileURLToPath(new URL("../../target/", import.meta.url));
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

export const brief = (text) => text.replace(/\s+/g, " ").slice(0, 72) + (text.length > 72 ? "…" : "");

/** Takes the steps in order, until one fails: each is told the page, and says what it saw. Leaves a picture of the end. */
export async function drive(name, steps) {
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
  const beQuiet = async () => {
    if (complaints.length) throw new Error("the page complained");
    return "no error in the console";
  };

  let passed = 0;
  let failed = 0;
  for (const [step, take] of Object.entries({ ...steps, quiet: beQuiet })) {
    try {
      console.log(`ok      ${step.padEnd(8)}${await take(page)}`);
      passed += 1;
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${step.padEnd(8)}${error.message}`);
      const alerts = await page.getByRole("alert").allInnerTexts();
      for (const text of [...alerts.filter(Boolean).map((alert) => `page: ${alert}`), ...complaints]) {
        console.log(`        ${text}`);
      }
      break;
    }
  }
  const picture = `${target}${name}${failed ? "-failed" : ""}.png`;
  await page.screenshot({ path: picture, animations: "disabled" });
  await browser.close();
  console.log(`screenshot: ${picture}`);
  console.log(`${name}: ${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}
