import { expect, test, vi } from "vitest";
import { backend, unique } from "../support/backend.js";
import { BatchRuns, type RunsView, TaggedRuns } from "./components.js";
import { within } from "./page.js";
import { by, difference, settled, show } from "./screen.js";

const idsOf = ({ runs }: RunsView) => runs.map(({ id }) => id);
const statusesOf = ({ runs }: RunsView) => runs.map(({ status }) => status);

/** Runs one after the other, so that each is younger than the one before. */
async function triggerInTurn(count: number, tags: string[]) {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    ids.push((await backend.trigger({}, { tags })).id);
    await new Promise((settle) => setTimeout(settle, 3));
  }
  return ids;
}

test("the runs with a tag, oldest first, as they come and change", async () => {
  const tag = unique("tag");
  const [first, second] = await triggerInTurn(2, [tag]);
  await backend.trigger({}, { tags: ["another"] });
  const page = show<RunsView>(within(await backend.token(`read:tags:${tag}`), <TaggedRuns tag={tag} />));
  await page.until(({ runs }) => runs.length === 2);
  const [third] = await triggerInTurn(1, [tag]);
  await page.until(({ runs }) => runs.length === 3);
  await backend.report(second as string, { status: "EXECUTING" });
  await page.until((shown) => statusesOf(shown).includes("EXECUTING"));
  expect(page.now.runs).toEqual([
    { id: first, status: "QUEUED", tags: [tag] },
    { id: second, status: "EXECUTING", tags: [tag] },
    { id: third, status: "QUEUED", tags: [tag] },
  ]);
  expect(page.seen[0]).toEqual({ runs: [], failed: false });
});

test("the runs that have all of several tags", async () => {
  const [one, two] = [unique("tag"), unique("tag")];
  await triggerInTurn(1, [one]);
  const [both] = await triggerInTurn(1, [one, two]);
  await triggerInTurn(1, [two]);
  const token = await backend.token(`read:tags:${one}`, `read:tags:${two}`);
  const page = show<RunsView>(within(token, <TaggedRuns tag={[one, two]} />));
  await page.until(({ runs }) => runs.length > 0);
  expect(idsOf(page.now)).toEqual([both]);
});

test("createdAt goes to the server", async () => {
  const tag = unique("tag");
  const [id] = await triggerInTurn(1, [tag]);
  const fetched = vi.spyOn(globalThis, "fetch");
  const page = show<RunsView>(
    within(await backend.token(`read:tags:${tag}`), <TaggedRuns tag={tag} createdAt="1h" skipColumns={["payload"]} />),
  );
  await page.until(({ runs }) => runs.length > 0);
  expect(idsOf(page.now)).toEqual([id]);
  const asked = fetched.mock.calls.map(([url]) => new URL(String(url))).find(({ search }) => search.includes(tag));
  expect(asked?.searchParams.get("createdAt")).toBe("1h");
  expect(asked?.searchParams.get("skipColumns")).toBe("payload");
  fetched.mockRestore();
});

test("stop and enabled", async () => {
  const tag = unique("tag");
  const [id] = await triggerInTurn(1, [tag]);
  const token = await backend.token(`read:tags:${tag}`);
  const page = show<RunsView>(within(token, <TaggedRuns tag={tag} enabled={false} />));
  await settled();
  expect(page.seen).toEqual([{ runs: [], failed: false }]);
  page.render(within(token, <TaggedRuns tag={tag} />));
  await page.until(({ runs }) => runs.length === 1);
  page.click("Stop");
  await backend.report(id as string, { status: "EXECUTING" });
  await settled();
  expect(statusesOf(page.now)).toEqual(["QUEUED"]);
});

test("a token that may not read the tag is an error", async () => {
  const page = show<RunsView>(within(await backend.token("read:tags:other"), <TaggedRuns tag={unique("tag")} />));
  await page.until(({ failed }) => failed);
  expect(page.now.runs).toEqual([]);
});

test("the runs of a batch", async () => {
  const tag = unique("tag");
  const items = [1, 2, 3].map((n) => ({ task: "desk", payload: { n }, options: { tags: [tag] } }));
  const response = await backend.ask("POST", "/api/v2/tasks/batch", { items });
  const { id } = await response.json();
  const token = response.headers.get("x-trigger-jwt") as string;
  const page = show<RunsView>(within(token, <BatchRuns batchId={id} />));
  await page.until(({ runs }) => runs.length === 3);
  const last = page.now.runs[2]?.id as string;
  await backend.report(last, { status: "COMPLETED_SUCCESSFULLY", output: "x" });
  await page.until((shown) => statusesOf(shown).includes("COMPLETED"));
  expect(statusesOf(page.now)).toEqual(["QUEUED", "QUEUED", "COMPLETED"]);
  expect(page.now.failed).toBe(false);
});

difference("tags in an array", async () => {
  const [a, b] = [unique("tag"), unique("tag")];
  await triggerInTurn(1, [`${a}-${b}`]);
  await triggerInTurn(1, [a, b]);
  const token = await backend.token("read:tags", `read:tags:${a}`, `read:tags:${b}`, `read:tags:${a}-${b}`);
  const page = show<RunsView>(within(token, <TaggedRuns tag={[`${a}-${b}`]} />));
  await page.until(({ runs }) => runs.length === 1);
  page.render(within(token, <TaggedRuns tag={[a, b]} />));
  await settled();
  expect(page.now.runs.map(({ tags }) => tags)).toEqual(by({ original: [[`${a}-${b}`]], tidegate: [[a, b]] }));
});

difference("a snapshot of many runs", async () => {
  const tag = unique("tag");
  await Promise.all(Array.from({ length: 200 }, () => backend.trigger({}, { tags: [tag] })));
  const page = show<RunsView>(within(await backend.token(`read:tags:${tag}`), <TaggedRuns tag={tag} />));
  await page.until(({ runs }) => runs.length === 200);
  expect(page.commits > 50).toBe(by({ original: true, tidegate: false }));
  if (page.commits <= 50) expect(page.commits).toBeLessThanOrEqual(3);
});
