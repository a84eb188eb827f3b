import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { settle } from "../../testing/fake-engine.js";
import { pumpHarness } from "../../testing/pump-harness.js";

afterEach(() => vi.restoreAllMocks());

interface Message {
  key?: string;
  value?: Record<string, string | null>;
}

const folder = new URL("../../../../tests/fixtures/wire/", import.meta.url);
const load = (file: string) => JSON.parse(readFileSync(new URL(file, folder), "utf8"));
const recorded = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => ({ name: file.slice(0, -5), ...load(file) }))
  .filter(({ request, response }) => {
    const isFeed = /^\/realtime\/v1\/(runs|batches)[/?]/.test(request.path) && request.method === "GET";
    return isFeed && response.status === 200 && response.body.includes('"key"');
  });
/** What a poll of a log that began earlier is read by. */
const { "electric-schema": known } = load("run-snapshot.json").response.headers;

/** What a packet says, as far as these recordings go: nothing in them needs superjson. */
function said(text: string | null | undefined, type: string | null | undefined): unknown {
  if (!text) return undefined;
  if (type === "text/plain") return text;
  return type === "application/super+json" ? JSON.parse(text).json : JSON.parse(text);
}

test("there are recordings of feeds", () => {
  expect(recorded.length).toBeGreaterThan(25);
});

test.each(recorded)("$name is read whole", async ({ response }) => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const { loader, runs } = pumpHarness();
  const { told } = runs({ tags: "a" }, "on-demand");
  await settle();
  const [feed = 0] = loader.engine.idsOf("follow");
  const messages: Message[] = JSON.parse(response.body);
  loader.engine.rows(feed, messages, { schema: JSON.parse(response.headers["electric-schema"] ?? known) });
  await settle();
  const all = told.at(-1)?.all ?? [];
  const rows = messages.flatMap(({ value }) => (value ? [value] : []));
  expect(all.map(({ id }) => id)).toEqual(rows.map(({ friendlyId }) => friendlyId));
  for (const [index, run] of all.entries()) {
    const row = rows[index] ?? {};
    expect(run.rawStatus).toBe(row.status);
    expect(run.createdAt.toISOString()).toBe(`${row.createdAt}Z`);
    expect(run.finishedAt?.toISOString()).toBe(row.completedAt ? `${row.completedAt}Z` : undefined);
    expect(run.isFailed || run.isSuccess || run.isCancelled).toBe(!!row.completedAt);
    for (const name of ["payload", "output", "metadata"] as const) {
      if (row[`${name}Type`] !== "application/store") {
        expect(run[name]).toEqual(said(row[name], row[`${name}Type`]));
      }
    }
    if (row.error) expect(run.error?.message).toEqual(expect.any(String));
  }
  expect(warn).not.toHaveBeenCalled();
});
