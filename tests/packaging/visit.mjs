// A page as a person would use it: the text arrives, a click approves, the run ends.
import { chromium } from "playwright-core";

const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
let browser;

export const closeBrowser = () => browser?.close();

/** A page that complains of what goes wrong on it. */
async function openPage() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet],
  });
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  return { page, complaints };
}

/** Uses the page that the README makes, for two runs. Resolves to what was wrong with it, sentence by sentence. */
export async function visitFirstPage(address) {
  const { page, complaints } = await openPage();
  try {
    await page.goto(address);
    for (const answer of ["Approve", "Reject"]) {
      await page.getByRole("button", { name: "Start" }).click();
      await page.getByText("The task has your answer.").waitFor({ state: "detached" });
      await page.getByText("Thank you for your patience").waitFor();
      await page.getByRole("button", { name: answer }).click();
      await page.getByText("The task has your answer.").waitFor();
    }
  } catch (error) {
    complaints.push(...(await page.getByRole("alert").allInnerTexts()), error.message.split("\n")[0]);
  }
  await page.close();
  return complaints;
}

/** Uses the page of a run. Resolves to what was wrong with it, sentence by sentence, and how often a module was started. */
export async function visit(address) {
  const { page, complaints } = await openPage();
  await page.addInitScript(() => {
    window.started = 0;
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = (...given) => {
      window.started += 1;
      return instantiate(...given);
    };
    window.violations = 0;
    document.addEventListener("securitypolicyviolation", () => {
      window.violations += 1;
    });
  });
  try {
    await page.goto(address);
    await page.locator("#draft").filter({ hasText: "Thank you for your patience" }).waitFor();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.locator("#sent").filter({ hasText: "accepted" }).waitFor();
    await page.locator("#status").filter({ hasText: "COMPLETED" }).waitFor();
  } catch (error) {
    const alert = await page.getByRole("alert").allInnerTexts();
    complaints.push(...alert, error.message.split("\n")[0]);
  }
  const { started, violations } = await page.evaluate(() => ({
    started: window.started,
    violations: window.violations,
  }));
  await page.close();
  return { complaints, started, violations };
}
