// Drives the running page as a person would: node check.mjs http://127.0.0.1:4175
import { brief, drive } from "../shared/drive.mjs";

const address = process.argv[2] ?? process.env.DEMO_URL ?? "http://127.0.0.1:4175";
const field = (page) => page.getByRole("textbox", { name: /^(Your message|Write on)/ });
const answers = (page) => page.locator(".answer > p:first-child");
const turnIn = (page, state) => page.locator(`.turn[data-state="${state}"]`);

async function say(page, text) {
  await field(page).fill(text);
  await field(page).press("Enter");
}

await drive("chat", {
  async open(page) {
    await page.goto(address);
    return page.getByRole("heading", { level: 1 }).innerText();
  },
  async ask(page) {
    await say(page, "What is fog?");
    await page.waitForURL(/#run=run_/);
    await answers(page).filter({ hasText: /\S/ }).waitFor();
    const early = (await answers(page).innerText()).length;
    await turnIn(page, "answered").waitFor();
    const whole = await answers(page).innerText();
    if (whole.length <= early) throw new Error(`the answer came in one piece of ${early} characters`);
    return `${early} characters, then ${whole.length}: ${brief(whole)}`;
  },
  async edit(page) {
    await say(page, "Tell me about ferries.");
    await answers(page).nth(1).filter({ hasText: "Between two jetties" }).waitFor();
    await say(page, "And about trains?");
    await turnIn(page, "pending").getByRole("button", { name: "Edit" }).click();
    const editor = page.getByRole("textbox", { name: "Edit your message" });
    await editor.fill("And about you?");
    await editor.press("Enter");
    await turnIn(page, "pending").filter({ hasText: "And about you?" }).waitFor();
    return "“And about trains?” is now “And about you?”";
  },
  async reload(page) {
    const before = await answers(page).nth(1).innerText();
    await page.reload();
    await answers(page).nth(1).filter({ hasText: "double-ended" }).waitFor();
    const after = await answers(page).nth(1).innerText();
    if (!after.startsWith(before)) throw new Error(`${brief(before)} became ${brief(after)}`);
    return `${before.length} characters before, ${after.length} after`;
  },
  async stop(page) {
    await page.getByRole("button", { name: "Stop" }).click();
    await turnIn(page, "stopped").waitFor();
    await answers(page).nth(2).filter({ hasText: "“And about you?”" }).waitFor();
    await turnIn(page, "answered").nth(1).waitFor();
    return brief(await answers(page).nth(2).innerText());
  },
});
