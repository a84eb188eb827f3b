import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runAt } from "../testing/log-test.js";
import { metadata } from "./metadata-of-run.js";
import { inRun } from "./run-context.js";

const built = existsSync(new URL("../wasm/generated/task/tidegate.js", import.meta.url));
if (!built) console.warn("metadata-wishes.test.ts is skipped: the core has not been built (make build)");

describe.skipIf(!built)("metadata that the server wants later", () => {
  const askedMs: number[] = [];
  let refusals: Record<string, string>[];
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
    vi.spyOn(console, "error").mockImplementation(() => {});
    askedMs.length = 0;
    vi.stubGlobal("fetch", async () => {
      askedMs.push(performance.now());
      const headers = refusals.shift();
      return headers ? Response.json({ error: "No" }, { status: 429, headers }) : Response.json({ metadata: { a: 1 } });
    });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it.each<[string, () => Record<string, string>, least: number, most: number]>([
    ["in so many seconds", () => ({ "retry-after": "7" }), 7_000, 8_000],
    ["when its limit is reset", () => reset(10_000), 9_000, 11_000],
    ["in hours, as its clock is another", () => reset(3_600_000), 59_000, 61_000],
  ])("are written %s", async (_, refusal, least, most) => {
    refusals = [refusal()];
    const run = runAt({ baseURL: "https://api.test" });
    inRun(run, () => metadata.set("a", 1));
    await vi.advanceTimersByTimeAsync(70_000);
    expect(askedMs).toHaveLength(2);
    const [first = 0, second = 0] = askedMs;
    expect(second - first).toBeGreaterThanOrEqual(least);
    expect(second - first).toBeLessThanOrEqual(most);
    await run.end();
  });

  const reset = (ms: number) => ({ "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Date.now() + ms) });
});
