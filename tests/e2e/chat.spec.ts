import type { Page } from "@playwright/test";
import { cancelRun, metadataOf, readStream } from "./api.ts";
import { test as base, expect } from "./fixtures.ts";
import { type Started, startAssistant, startPage } from "./processes.ts";

/** The example's worker, which a test may kill and start again. */
class Assistant {
  #process: Started | undefined;
  constructor(readonly apiUrl: string) {}

  async start() {
    this.#process = await startAssistant(this.apiUrl);
  }

  /** With SIGKILL it says goodbye to nobody. */
  async stop(signal?: NodeJS.Signals) {
    await this.#process?.stop(signal);
    this.#process = undefined;
  }
}

const test = base.extend<{ assistant: Assistant; room: Room }>({
  site: [
    async ({ cable }, use) => {
      const site = await startPage("preview", cable.url, "chat");
      await use(site);
      await site.stop();
    },
    { scope: "worker" },
  ],
  assistant: async ({ api }, use) => {
    const assistant = new Assistant(api.url);
    await assistant.start();
    await use(assistant);
    await assistant.stop("SIGKILL");
  },
  room: async ({ page }, use) => use(new Room(page)),
});
// So soon a worker that was killed is missed.
test.use({ apiFlags: ["--worker-silence-ms", "3000"] });

type Entry =
  | { type: "opened"; life: string }
  | { type: "queued"; message: { id: string; revision: number; text: string } }
  | { type: "begun"; id: string }
  | { type: "wrote"; id: string; text: string }
  | { type: "ended"; id: string; stopped: boolean };

/** A conversation as a person sees it. */
class Room {
  constructor(readonly page: Page) {}

  field = () => this.page.getByRole("textbox", { name: /^(Your message|Write on)/ });
  turns = () => this.page.locator(".turn");
  turn = (question: string) => this.turns().filter({ has: this.page.getByText(question, { exact: true }) });
  answer = (question: string) => this.turn(question).getByRole("article", { name: "Assistant" }).locator("p").first();
  answers = () => this.page.locator(".answer > p:first-child");
  runId = () => new URLSearchParams(new URL(this.page.url()).hash.slice(1)).get("run") ?? "";

  async begin(text: string) {
    await this.page.goto("/");
    await this.say(text);
    await this.page.waitForURL(/#run=run_/);
    return this.runId();
  }

  async say(text: string) {
    await this.field().fill(text);
    await this.field().press("Enter");
  }

  /** Until its answer is under way and not finished. */
  async midAnswer(question: string, words: string) {
    await expect(this.answer(question)).toContainText(words);
    await expect(this.turn(question)).toHaveAttribute("data-state", "answering");
  }

  until = (question: string, state: string) =>
    expect(this.turn(question)).toHaveAttribute("data-state", state, { timeout: 40_000 });
}

const ferry = "Tell me about ferries.";
const fog = "What is fog?";
const tide = "When does the tide turn?";
const endOf = {
  ferry: "never burnt anything at all.",
  fog: "cannot be heard at all.",
  tide: "another for the current.",
};

async function logOf(apiUrl: string, runId: string): Promise<Entry[]> {
  return (await readStream(apiUrl, runId, "talk")) as Entry[];
}

/** What was written as answers, one after the other. */
async function writtenIn(apiUrl: string, runId: string): Promise<string[]> {
  const log = await logOf(apiUrl, runId);
  const begun = log.flatMap((entry) => (entry.type === "begun" ? [entry.id] : []));
  return begun.map((id) => log.map((entry) => (entry.type === "wrote" && entry.id === id ? entry.text : "")).join(""));
}

test("a question is answered word by word, and what has come is kept when it is stopped", async ({
  room,
  api,
  assistant: _,
}) => {
  const runId = await room.begin(ferry);
  await room.midAnswer(ferry, "Between two jetties");
  await expect(room.turns().first().getByRole("article", { name: "Assistant" })).toHaveAttribute("aria-busy", "true");
  await expect(room.page.getByRole("heading", { level: 1 })).toHaveText(ferry);
  await room.page.getByRole("button", { name: "Stop" }).click();
  await room.until(ferry, "stopped");
  await expect(room.page.getByText("Stopped.", { exact: true })).toBeVisible();
  await expect(room.page.getByRole("button", { name: "Stop" })).toHaveCount(0);
  const [stopped] = await writtenIn(api.url, runId);
  expect(await room.answer(ferry).textContent()).toBe(stopped);
  expect(stopped).not.toContain(endOf.ferry);

  await room.say(fog);
  await room.midAnswer(fog, "Fog is a cloud");
  await room.page.keyboard.press("Escape");
  await room.until(fog, "stopped");
  await expect.poll(() => metadataOf(api.url, runId)).toEqual({ title: ferry, turns: 2, status: "waiting" });
  await room.say("Thank you");
  await expect(room.answer("Thank you")).toContainText("You wrote: “Thank you”");
  await room.until("Thank you", "answered");
  expect(await room.answer(ferry).textContent()).toBe(stopped);
});

test("a message that waits is edited, taken back, and answered as it was sent last", async ({
  room,
  api,
  assistant: _,
}) => {
  const runId = await room.begin(ferry);
  await room.midAnswer(ferry, "A ferry");
  await room.field().fill("First");
  await room.field().press("Shift+Enter");
  await room.field().pressSequentially("and second line");
  await room.field().press("Enter");
  await room.say("Not this one");
  await room.say("And a last one");
  await expect(room.page.getByText("Waits its turn.")).toHaveCount(3);

  const first = room.turns().nth(1);
  await first.getByRole("button", { name: "Edit" }).click();
  const editor = room.page.getByRole("textbox", { name: "Edit your message" });
  await expect(editor).toHaveValue("First\nand second line");
  await editor.press("Escape");
  await expect(editor).toHaveCount(0);
  await expect(first.getByRole("button", { name: "Edit" })).toBeFocused();
  await room.turn("Not this one").getByRole("button", { name: "Take back" }).click();
  await first.getByRole("button", { name: "Edit" }).click();
  await editor.fill("In another way");
  await editor.press("Enter");
  await expect(room.turns().locator(".question > p:first-child")).toHaveText([
    ferry,
    "In another way",
    "And a last one",
  ]);
  await expect(room.page.getByText("Waits its turn.")).toHaveCount(2);
  await room.page.getByRole("button", { name: "Stop" }).click();
  await room.until("And a last one", "answered");
  await expect(room.answers()).toHaveCount(3);
  await expect(room.answer("In another way")).toContainText("You wrote: “In another way”");
  const log = await logOf(api.url, runId);
  const queued = log.flatMap((entry) => (entry.type === "queued" ? [entry.message.text] : []));
  expect(queued).toEqual([ferry, "First\nand second line", "Not this one", "And a last one", "", "In another way"]);
  expect(log.filter(({ type }) => type === "begun")).toHaveLength(3);
});

test("a change that comes too late changes nothing, and says so", async ({ room, assistant: _ }) => {
  await room.begin(ferry);
  await room.midAnswer(ferry, "A ferry");
  await room.say(fog);
  await room.turn(fog).getByRole("button", { name: "Edit" }).click();
  const editor = room.page.getByRole("textbox", { name: "Edit your message" });
  await editor.fill("Thank you");
  await room.page.getByRole("button", { name: "Stop" }).click();
  await expect(room.page.getByText("so a change would come too late")).toBeVisible();
  await room.page.getByRole("button", { name: "Send as a new message" }).click();
  await room.until(fog, "answered");
  await room.until("Thank you", "answered");
  await expect(room.answers()).toHaveCount(3);
});

test("a reload in the middle of an answer goes on without a gap and without a repeat", async ({
  room,
  api,
  assistant: _,
}) => {
  const runId = await room.begin(ferry);
  const shown = async () => (await room.answer(ferry).textContent()) ?? "";
  for (const words of ["several hundred tonnes", "never turns round", "Where the river"]) {
    await room.midAnswer(ferry, words);
    const before = await shown();
    await room.page.reload();
    await expect(room.answer(ferry)).toContainText(words);
    expect((await shown()).startsWith(before)).toBe(true);
  }
  await room.until(ferry, "answered");
  const [whole] = await writtenIn(api.url, runId);
  expect(whole?.endsWith(endOf.ferry)).toBe(true);
  expect(await shown()).toBe(whole);
  expect((await logOf(api.url, runId)).filter(({ type }) => type === "opened")).toHaveLength(1);
});

test("two tabs show the same, and either may stop and change", async ({ room, api, assistant: _ }) => {
  const runId = await room.begin(ferry);
  await room.midAnswer(ferry, "A ferry");
  const other = new Room(await room.page.context().newPage());
  await other.page.goto(room.page.url());
  await other.midAnswer(ferry, "A ferry");
  await room.say(fog);
  await other.turn(fog).getByRole("button", { name: "Edit" }).click();
  await other.page.getByRole("textbox", { name: "Edit your message" }).fill(tide);
  await other.page.getByRole("button", { name: "Send the change" }).click();
  await expect(room.turn(tide)).toBeVisible();
  await expect(room.turn(fog)).toHaveCount(0);
  await other.page.getByRole("button", { name: "Stop" }).click();
  for (const tab of [room, other]) {
    await tab.until(ferry, "stopped");
    await tab.until(tide, "answered");
    expect(await tab.answers().allTextContents()).toEqual(await writtenIn(api.url, runId));
  }
});

test.describe("without a network", () => {
  test.use({ tolerated: [/net::ERR_/] });

  test("messages wait in the page, are edited and taken back there, and leave in order", async ({
    room,
    api,
    cable,
    assistant: _,
  }) => {
    const runId = await room.begin("Hello");
    await room.until("Hello", "answered");
    await room.page.context().setOffline(true);
    cable.cut();
    for (const text of ["One", "Two", "Three"]) await room.say(text);
    await expect(room.page.getByText("Leaves when you are online.")).toHaveCount(3);
    await room.turn("Two").getByRole("button", { name: "Take back" }).click();
    await expect(room.turn("Two")).toHaveCount(0);
    await room.turn("One").getByRole("button", { name: "Edit" }).click();
    await room.page.getByRole("textbox", { name: "Edit your message" }).fill("One, in other words");
    await room.page.getByRole("button", { name: "Send the change" }).click();
    await expect(room.turn("One, in other words")).toHaveAttribute("data-state", "leaving");
    cable.mend();
    await room.page.context().setOffline(false);
    await room.until("Three", "answered");
    await room.until("One, in other words", "answered");
    const sent = (await readStream(api.url, runId, "input/messages")).map((data) => JSON.parse(String(data)).text);
    expect(sent.toSorted()).toEqual(["Hello", "One, in other words", "Three"].toSorted());
    expect(await room.answers().count()).toBe(3);
  });
});

test.describe("the worker is killed", () => {
  test.setTimeout(120_000);

  test("in the middle of an answer: another goes on behind the last word", async ({ room, api, assistant }) => {
    const runId = await room.begin(ferry);
    await room.midAnswer(ferry, "A ferry");
    await room.say(fog);
    await expect(room.page.getByText("Waits its turn.")).toBeVisible();
    // The second has time to give back what it holds.
    for (const [words, signal] of [
      ["several hundred tonnes", "SIGKILL"],
      ["Where the river", "SIGTERM"],
    ] as const) {
      await room.midAnswer(ferry, words);
      await assistant.stop(signal);
      await assistant.start();
    }
    await room.until(ferry, "answered");
    await room.until(fog, "answered");
    const written = await writtenIn(api.url, runId);
    expect(written).toHaveLength(2);
    expect(written[0]?.match(/A ferry spends/g)).toHaveLength(1);
    expect(written[0]?.endsWith(endOf.ferry)).toBe(true);
    expect(written[1]?.endsWith(endOf.fog)).toBe(true);
    expect(await room.answers().allTextContents()).toEqual(written);

    // The same as an answer that nobody has disturbed.
    const undisturbed = await room.begin(ferry);
    await room.until(ferry, "answered");
    expect((await writtenIn(api.url, undisturbed))[0]).toBe(written[0]);
    const log = await logOf(api.url, runId);
    expect(log.filter(({ type }) => type === "opened")).toHaveLength(3);
    expect(log.filter(({ type }) => type === "queued")).toHaveLength(2);
  });

  test("between turns: what is sent meanwhile is answered by the next one, and nothing twice", async ({
    room,
    api,
    assistant,
  }) => {
    const runId = await room.begin("One");
    await room.until("One", "answered");
    await room.say("Two");
    await room.until("Two", "answered");
    await expect.poll(async () => (await metadataOf(api.url, runId)).status).toBe("waiting");
    await assistant.stop("SIGKILL");
    await room.say("Three");
    await expect(room.page.getByText("Sent.", { exact: true })).toBeVisible();
    await room.page.reload();
    await expect(room.turn("Three").getByText("Sent.", { exact: true })).toBeVisible();
    await room.turn("Three").getByRole("button", { name: "Edit" }).click();
    await room.page.getByRole("textbox", { name: "Edit your message" }).fill("Three, in other words");
    await room.page.getByRole("button", { name: "Send the change" }).click();
    await assistant.start();
    await room.until("Three, in other words", "answered");
    await room.say("Four");
    await room.until("Four", "answered");
    const log = await logOf(api.url, runId);
    expect(log.filter(({ type }) => type === "begun")).toHaveLength(4);
    expect(log.filter(({ type }) => type === "ended")).toHaveLength(4);
    const quoted = (await writtenIn(api.url, runId)).map((text) => /“(.*)”/.exec(text)?.[1]);
    expect(quoted.filter((text) => text !== "Three, in other words" && text !== "Three")).toEqual([
      "One",
      "Two",
      "Four",
    ]);
  });
});

test("a message waits for an assistant that has not come yet, also over a reload", async ({ room, assistant }) => {
  await assistant.stop();
  await room.begin(fog);
  await expect(room.page.getByText("Sent. The assistant has not come yet.")).toBeVisible();
  await room.page.reload();
  await expect(room.turn(fog).getByText("Sent. The assistant has not come yet.")).toBeVisible();
  await assistant.start();
  await room.until(fog, "answered");
  await expect(room.answers()).toHaveCount(1);
});

test("a conversation that has ended takes no more, and another one can be begun", async ({
  room,
  api,
  assistant: _,
}) => {
  const runId = await room.begin(ferry);
  await room.midAnswer(ferry, "A ferry");
  await cancelRun(api.url, runId);
  await expect(room.page.getByText("This conversation is over.")).toBeVisible();
  await expect(room.page.getByText("The conversation ended here.")).toBeVisible();
  await room.page.getByRole("button", { name: "Begin another" }).click();
  await expect(room.page.getByRole("heading", { level: 1 })).toHaveText("What would you like to know?");
  await room.page.getByRole("button", { name: fog }).click();
  await room.until(fog, "answered");
});

test.describe("when something is wrong", () => {
  test.use({ tolerated: [/Failed to load resource/] });

  test("what was written is kept when no server answers", async ({ page }) => {
    const lost = await startPage("preview", "http://127.0.0.1:9", "chat");
    try {
      await page.goto(lost.url);
      const room = new Room(page);
      await room.say(fog);
      await expect(page.getByRole("alert")).toHaveText(/No server answers at http:\/\/127\.0\.0\.1:9\./);
      await expect(room.field()).toHaveValue(fog);
    } finally {
      await lost.stop();
    }
  });

  test("a conversation that nobody knows is told", async ({ page }) => {
    await page.goto("/#run=run_doesnotexist");
    await expect(page.getByRole("alert")).toHaveText(/no such run/);
  });
});
