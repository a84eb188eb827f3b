import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "@playwright/test";
import { type Backend, createBackend } from "tidegate/server";
import { serve, streams, task } from "tidegate/task";
import { bundlePage } from "./bundle-page.ts";
import { test as base, expect } from "./fixtures.ts";
import type { Desk } from "./pages/driver.tsx";
import { secretKey } from "./processes.ts";

interface Note {
  from: string;
}

const notes = streams.input<Note>({ id: "notes" });
const go = streams.input<null>({ id: "go" });
const steps = streams.define<string>({ id: "steps" });

/** Takes notes in each of the ways there are: asleep, awake, by a handler, and by looking first. */
const taker = task({
  id: "take-notes",
  run: async () => {
    await steps.append(`wait: ${(await notes.wait({ timeout: "1h" }).unwrap()).from}`);
    await steps.append(`once: ${(await notes.once().unwrap()).from}`);
    const heard = await new Promise<Note>((resolve) => {
      const { off } = notes.on((note) => {
        resolve(note);
        // It may be called before `on` has returned.
        queueMicrotask(() => off());
      });
    });
    await steps.append(`on: ${heard.from}`);
    await go.wait().unwrap();
    const first = await notes.once().unwrap();
    const seen = notes.peek();
    await steps.append(`once: ${first.from}`);
    await steps.append(`peek: ${seen?.from}`);
    await steps.append(`once: ${(await notes.once().unwrap()).from}`);
  },
});

const passer = task({
  id: "pass-notes",
  run: ({ to, note }: { to: string; note: Note }) => notes.send(to, note),
});

interface Around {
  backend: Backend;
  /** Where `pages/driver.tsx` is. */
  pageUrl: string;
}

const test = base.extend<object, { around: Around }>({
  around: [
    async ({ api }, use) => {
      const connection = { secretKey, baseURL: api.url };
      const serving = await serve({ ...connection, tasks: [taker, passer], log: () => {} });
      const script = await bundlePage("driver");
      const server = createServer(({ url }, response) => {
        const isScript = url === "/driver.js";
        response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
        response.end(
          isScript ? script : '<link rel="icon" href="data:,"><body><script type="module" src="/driver.js"></script>',
        );
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const pageUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await use({ backend: createBackend(connection), pageUrl });
      server.close();
      server.closeAllConnections();
      await serving.stop();
    },
    { scope: "worker" },
  ],
});

type Send = (runId: string, note: Note, at: { page: Page; backend: Backend }) => Promise<unknown>;

const senders: Record<string, Send> = {
  "the page": async (_runId, note, { page }) => {
    await page.getByRole("button", { name: "Send" }).click();
    await expect(page.getByRole("status")).toHaveText(`${note.from.split(" ").at(-1)} accepted`);
  },
  "another task": async (to, note, { backend }) => {
    const { id } = await backend.trigger("pass-notes", { to, note });
    await expect.poll(async () => (await backend.runs.retrieve(id)).status).toBe("COMPLETED");
  },
  "a backend": (runId, note, { backend }) => backend.streams.input<Note>("notes").send(runId, note),
};

for (const [from, send] of Object.entries(senders)) {
  test(`a task that waits, listens and looks is driven by ${from}`, async ({ page, api, around }) => {
    const { backend, pageUrl } = around;
    const { id, publicAccessToken } = await backend.trigger("take-notes", undefined);
    await page.goto(pageUrl);
    const desk: Desk = { baseURL: api.url, accessToken: publicAccessToken, runId: id };
    await page.evaluate((desk) => window.show(desk), desk);
    const shown = page.getByRole("listitem");
    let sent = 0;
    const sendNext = () => {
      sent += 1;
      return send(id, { from: `${from} ${sent}` }, { page, backend });
    };
    for (const way of ["wait", "once", "on"]) {
      await sendNext();
      await expect(shown).toHaveCount(sent);
      await expect(shown.last()).toHaveText(`${way}: ${from} ${sent}`);
    }
    await sendNext();
    await sendNext();
    await backend.streams.input<null>("go").send(id, null);
    await expect(shown.nth(5)).toBeVisible();
    expect((await shown.allTextContents()).slice(3)).toEqual([`once: ${from} 4`, `peek: ${from} 5`, `once: ${from} 5`]);
    await expect.poll(async () => (await backend.runs.retrieve(id)).status).toBe("COMPLETED");
    await expect(page.getByRole("alert")).toBeEmpty();
  });
}
