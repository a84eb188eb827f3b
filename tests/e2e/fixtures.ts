import { expect, type Page, type Request } from "@playwright/test";
import { Cable } from "./cable.ts";
import { test as base } from "./engine.ts";
import { type Started, startApi, startPage } from "./processes.ts";

export { expect };

interface Worker {
  /** For the development server. */
  apiFlags: string[];
  api: Started;
  cable: Cable;
  /** The built page; its way to the API leads through the cable. */
  site: Started;
}

interface Each {
  desk: Desk;
  /** What the console may say in this test. */
  tolerated: RegExp[];
}

export const test = base.extend<Each, Worker>({
  apiFlags: [[], { option: true, scope: "worker" }],
  api: [async ({ apiFlags }, use) => lend(await startApi(apiFlags), use), { scope: "worker" }],
  cable: [async ({ api }, use) => lend(await Cable.to(api.url), use), { scope: "worker" }],
  site: [async ({ cable }, use) => lend(await startPage("preview", cable.url), use), { scope: "worker" }],

  tolerated: [[], { option: true }],
  baseURL: async ({ site }, use) => use(site.url),
  page: async ({ page, tolerated, cable }, use) => {
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
    await use(page);
    cable.mend();
    expect(complaints.filter((text) => !tolerated.some((pattern) => pattern.test(text)))).toEqual([]);
  },
  desk: async ({ page }, use) => use(new Desk(page)),
});

/** The page as a person sees it. */
export class Desk {
  readonly sent: string[] = [];
  readonly opened: string[] = [];
  /** The streams that it has a connection for. */
  reading: string[] = [];

  constructor(readonly page: Page) {
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (request.method() === "POST" && pathname.includes("/input/")) this.sent.push(request.postData() ?? "");
      if (request.method() !== "GET" || !pathname.includes("/streams/")) return;
      const stream = pathname.split("/").pop() ?? "";
      this.opened.push(stream);
      this.reading.push(stream);
      const isOver = (other: Request) => other === request && this.reading.splice(this.reading.indexOf(stream), 1);
      page.on("requestfinished", isOver).on("requestfailed", isOver);
    });
  }

  draft = () => this.page.locator(".prose");
  approve = () => this.page.getByRole("button", { name: "Approve" });
  reject = () => this.page.getByRole("button", { name: "Reject" });
  receipt = () => this.page.locator(".receipt");
  connection = () => this.page.locator(".connection");
  result = () => this.page.getByRole("region", { name: "Result" });
  runId = async () => this.page.locator("code").innerText();
  words = async () => ((await this.draft().textContent()) ?? "").match(/\S+/g)?.length ?? 0;

  async start(topic = "the ferry in the fog", at = "/") {
    await this.page.goto(at);
    await this.page.getByLabel("Write a few lines about").fill(topic);
    await this.page.getByRole("button", { name: "Start the run" }).click();
    await expect(this.page.getByRole("heading", { level: 1 })).toHaveText(topic);
    return this.runId();
  }

  /** Starts a run and waits until the task waits. */
  async startAndRead(topic?: string) {
    const runId = await this.start(topic);
    await expect(this.approve()).toBeEnabled();
    return runId;
  }

  /** Waits until the draft is under way and not yet finished. */
  async midDraft() {
    await expect.poll(() => this.words(), { intervals: [20] }).toBeGreaterThan(5);
    await expect(this.approve()).toBeDisabled();
  }
}

async function lend<T extends { stop: () => Promise<void> }>(thing: T, use: (thing: T) => Promise<void>) {
  await use(thing);
  await thing.stop();
}
