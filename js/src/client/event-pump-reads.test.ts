import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { settle } from "../testing/fake-engine.js";
import { pumpHarness } from "../testing/pump-harness.js";
import { callerOf } from "./caller.js";
import type { StreamUpdate } from "./entries.js";

let harness: ReturnType<typeof pumpHarness>;

beforeEach(() => {
  harness = pumpHarness();
});
afterEach(() => {
  vi.restoreAllMocks();
});

it("tells the developer once that a proxy may hold answers back, and every reader why it waits", async () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
  const told: StreamUpdate[][] = [];
  for (let reader = 0; reader < 2; reader += 1) {
    const { updates } = harness.subscribe();
    await settle();
    const id = harness.loader.engine.idsOf("subscribe").at(-1) as number;
    for (const error of [
      { code: "timeout", retryable: true },
      { code: "timeout", retryable: true, subject: "stream" },
    ] as const) {
      harness.loader.engine.changeStream(id, { status: "reconnecting", error });
    }
    told.push(updates);
  }
  expect(warned.mock.calls).toEqual([[expect.stringMatching(/^Tidegate: .*proxy.*buffering off/)]]);
  const sentences = told.map((updates) => updates.map(({ error }) => error?.message));
  expect(sentences[0]).toEqual([expect.stringMatching(/in time/), expect.stringMatching(/proxy/)]);
  expect(sentences[1]).toEqual(sentences[0]);
});

it("a call that is aborted while the engine still holds it has no effect", async () => {
  const { loader, pump, endpoint } = harness;
  const controller = new AbortController();
  const principal = pump.openPrincipal(endpoint, () => new Promise<string>(() => {}));
  const answer = callerOf(pump).call({ principal, what: 0, name: "task", body: "{}", signal: controller.signal });
  await settle();
  loader.engine.holdsCalls = true;
  controller.abort();
  await expect(answer).rejects.toMatchObject({ code: "aborted", outcome: "cancelled" });
});
