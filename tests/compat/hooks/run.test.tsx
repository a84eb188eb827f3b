import { expect, inject, test, vi } from "vitest";
import { Backend, backend } from "../support/backend.js";
import { Run, type RunView } from "./components.js";
import { statuses, within } from "./page.js";
import { by, difference, settled, show, steps } from "./screen.js";

const isQueued = ({ status }: RunView) => status === "QUEUED";
const isExecuting = ({ status }: RunView) => status === "EXECUTING";
const isCompleted = ({ status }: RunView) => status === "COMPLETED";
const metadataOf = ({ metadata }: { metadata?: unknown }) => ({ metadata });
const done = { status: "COMPLETED_SUCCESSFULLY", output: { url: "https://example.com/sea" } };

test("a run from its start to its end, with everything it has", async () => {
  const onComplete = vi.fn();
  const options = { tags: ["one", "two"], metadata: '{"by":"test"}', metadataType: "application/json" };
  const { id, token } = await backend.trigger({ scene: "sea" }, options);
  const page = show<RunView>(within(token, <Run runId={id} onComplete={onComplete} also={(run) => ({ run })} />));
  await page.until(isQueued);
  await backend.report(id, { status: "EXECUTING", metadata: { percent: 50 } });
  await page.until(isExecuting);
  await backend.report(id, done);
  await page.until(isCompleted);
  expect(statuses(page.seen)).toEqual([undefined, "QUEUED", "EXECUTING", "COMPLETED"]);
  expect(page.seen.some(({ failed }) => failed)).toBe(false);
  expect(page.now.run).toEqual({
    id,
    taskIdentifier: "desk",
    status: "COMPLETED",
    payload: { scene: "sea" },
    output: { url: "https://example.com/sea" },
    metadata: { percent: 50 },
    tags: ["one", "two"],
    realtimeStreams: [],
    createdAt: "date",
    updatedAt: "date",
    queuedAt: "date",
    startedAt: "date",
    finishedAt: "date",
    durationMs: 0,
    costInCents: 0,
    baseCostInCents: 0,
    isTest: false,
    isQueued: false,
    isExecuting: false,
    isWaiting: false,
    isCompleted: true,
    isSuccess: true,
    isFailed: false,
    isCancelled: false,
  });
  await vi.waitFor(() => expect(onComplete).toHaveBeenCalled());
  expect(onComplete).toHaveBeenCalledOnce();
  expect(onComplete.mock.calls[0]?.[0]).toMatchObject({ id, output: done.output });
  expect(onComplete.mock.calls[0]?.[1]).toBeUndefined();
});

test("the same in the dialect of Electric", async () => {
  const { baseURL } = new Backend(inject("electric"));
  const { id, token } = await new Backend(baseURL).trigger({ scene: "sea" });
  const page = show<RunView>(
    within(token, <Run runId={id} also={({ payload, output }) => ({ payload, output })} />, baseURL),
  );
  await page.until(isQueued);
  await new Backend(baseURL).report(id, { status: "EXECUTING" });
  await page.until(isExecuting);
  await new Backend(baseURL).report(id, done);
  await page.until(isCompleted);
  expect(statuses(page.seen)).toEqual([undefined, "QUEUED", "EXECUTING", "COMPLETED"]);
  expect(page.now).toMatchObject({ payload: { scene: "sea" }, output: done.output });
});

test.each([
  [
    "FAILED",
    {
      status: "COMPLETED_WITH_ERRORS",
      error: { type: "BUILT_IN_ERROR", name: "TypeError", message: "boom", stackTrace: "at x" },
    },
  ],
  ["TIMED_OUT", { status: "TIMED_OUT", error: { type: "STRING_ERROR", raw: "Too slow" } }],
  ["CANCELED", { status: "CANCELED" }],
  ["EXPIRED", { status: "EXPIRED" }],
])("a run that ends as %s", async (status, report) => {
  const onComplete = vi.fn();
  const { id, token } = await backend.trigger({ scene: "sea" });
  const also = ({
    error,
    isFailed,
    isCompleted,
    isCancelled,
    isSuccess,
    finishedAt,
  }: Parameters<NonNullable<Parameters<typeof Run>[0]["also"]>>[0]) => ({
    error,
    isFailed,
    isCompleted,
    isCancelled,
    isSuccess,
    finishedAt,
  });
  const page = show<RunView>(within(token, <Run runId={id} onComplete={onComplete} also={also} />));
  await page.until(isQueued);
  await backend.report(id, report);
  await page.until((shown) => shown.status === status);
  const named = "error" in report && report.error;
  expect(page.now).toEqual({
    id,
    status,
    failed: false,
    finishedAt: "date",
    isFailed: status !== "CANCELED",
    isCompleted: status !== "CANCELED",
    isCancelled: status === "CANCELED",
    isSuccess: false,
    ...(status === "FAILED" && { error: { name: "TypeError", message: "boom", stackTrace: "at x" } }),
    ...(status === "TIMED_OUT" && { error: { message: "Too slow" } }),
  });
  expect(!!page.now.error).toBe(!!named);
  await vi.waitFor(() => expect(onComplete).toHaveBeenCalledOnce());
});

test("a run whose id comes later", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={undefined} />));
  await page.until(() => true);
  page.render(within(token, <Run runId={id} />));
  await page.until(isQueued);
  expect(statuses(page.seen)).toEqual([undefined, "QUEUED"]);
  expect(page.seen.some(({ failed }) => failed)).toBe(false);
});

test("enabled: nothing before it is true, and what there is stays when it is false", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={id} enabled={false} />));
  await page.until(() => true);
  expect(await backend.requests(`/realtime/v1/runs/${id}`)).toEqual([]);
  page.render(within(token, <Run runId={id} enabled />));
  await page.until(isQueued);
  page.render(within(token, <Run runId={id} enabled={false} />));
  await backend.report(id, { status: "EXECUTING" });
  await heard(id, token);
  expect(page.now).toEqual({ id, status: "QUEUED", failed: false });
  page.render(within(token, <Run runId={id} enabled />));
  await page.until(isExecuting);
});

test("stop: what there is stays", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={id} />));
  await page.until(isQueued);
  page.click("Stop");
  await backend.report(id, { status: "EXECUTING" });
  await heard(id, token);
  expect(page.now).toEqual({ id, status: "QUEUED", failed: false });
});

test("skipColumns: what is skipped is not there, though the array is another one each time", async () => {
  const { id, token } = await backend.trigger({ scene: "sea" });
  const also = (run: object) => ({
    keys: Object.keys(run).filter((key) => ["payload", "output", "metadata", "tags"].includes(key)),
    ...run,
  });
  const run = () => within(token, <Run runId={id} skipColumns={["payload", "output", "metadata"]} also={also} />);
  const page = show<RunView>(run());
  await page.until(isQueued);
  const asked = (await backend.requests(`/realtime/v1/runs/${id}`)).length;
  for (let i = 0; i < 5; i++) page.render(run());
  await backend.report(id, { ...done, metadata: { a: 1 } });
  await page.until(isCompleted);
  expect(page.now.payload).toBeUndefined();
  expect(page.now.output).toBeUndefined();
  expect(page.now.metadata).toBeUndefined();
  expect((await backend.requests(`/realtime/v1/runs/${id}`)).length - asked).toBeLessThan(4);
});

test("stopOnCompletion: false goes on after the end", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={id} stopOnCompletion={false} also={metadataOf} />));
  await page.until(isQueued);
  await backend.report(id, done);
  await page.until(isCompleted);
  await backend.report(id, { metadata: { late: true } });
  await page.until(({ metadata }) => !!metadata);
  expect(page.now).toEqual({ id, status: "COMPLETED", failed: false, metadata: { late: true } });
});

difference("metadata that come just after the end", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={id} also={metadataOf} />));
  await page.until(isQueued);
  await backend.report(id, done);
  await page.until(isCompleted);
  await backend.report(id, { metadata: { late: true } });
  await heard(id, token);
  expect(page.now.metadata).toEqual(by({ original: undefined, tidegate: { late: true } }));
});

test("a payload and an output that are too large for a row", async () => {
  const text = "0123456789".repeat(60_000);
  const { id, token } = await backend.trigger({ scene: text });
  const onComplete = vi.fn();
  const also = ({ payload, output }: { payload?: { scene?: string }; output?: { url: string } }) => ({
    payload: payload?.scene?.length,
    output: output?.url.length,
  });
  const page = show<RunView>(within(token, <Run runId={id} also={also} onComplete={onComplete} />));
  await page.until(({ payload }) => payload === text.length);
  await backend.report(id, { status: "COMPLETED_SUCCESSFULLY", output: { url: text } });
  await page.until(({ output }) => output === text.length);
  expect(page.now).toEqual({ id, status: "COMPLETED", failed: false, payload: text.length, output: text.length });
  await vi.waitFor(() => expect(onComplete).toHaveBeenCalledOnce());
  expect(onComplete.mock.calls[0]?.[0].output.url).toHaveLength(text.length);
});

test("a run that is not there, and a token that may not read it, are an error", async () => {
  const { id } = await backend.trigger();
  const missing = show<RunView>(within(await backend.token("read:runs:run_missing"), <Run runId="run_missing" />));
  const forbidden = show<RunView>(within(await backend.token("read:runs:run_other"), <Run runId={id} />));
  for (const page of [missing, forbidden]) {
    await page.until(({ failed }) => failed);
    expect(page.seen.map(({ status }) => status).filter(Boolean)).toEqual([]);
  }
});

test("another run", async () => {
  const [first, second] = [await backend.trigger(), await backend.trigger()];
  const token = await backend.token("read:runs");
  const page = show<RunView>(within(token, <Run runId={first.id} />));
  await page.until(isQueued);
  page.render(within(token, <Run runId={second.id} />));
  await page.until(({ id }) => id === second.id);
  await backend.report(first.id, { status: "EXECUTING" });
  await backend.report(second.id, done);
  await page.until(isCompleted);
  expect(steps(page.seen.map(({ id }) => id)).filter(Boolean)).toEqual([first.id, second.id]);
  expect(page.now).toEqual({ id: second.id, status: "COMPLETED", failed: false });
});

difference("a run under the id of another", async () => {
  const [first, second] = [await backend.trigger(), await backend.trigger()];
  const token = await backend.token("read:runs");
  const shown = (id: string) =>
    within(token, <Run key="one" runId={id} also={(run) => ({ isOfAnother: run.id !== id })} />);
  const page = show<RunView>(shown(first.id));
  await page.until(isQueued);
  page.render(shown(second.id));
  await page.until(({ id }) => id === second.id);
  expect(page.seen.some(({ isOfAnother }) => isOfAnother)).toBe(by({ original: true, tidegate: false }));
});

difference("onComplete of a second run", async () => {
  const [first, second] = [await backend.trigger(), await backend.trigger()];
  for (const { id } of [first, second]) await backend.report(id, done);
  const token = await backend.token("read:runs");
  const completed: string[] = [];
  const run = (runId: string) => within(token, <Run runId={runId} onComplete={(run) => completed.push(run.id)} />);
  const page = show<RunView>(run(first.id));
  await vi.waitFor(() => expect(completed).toEqual([first.id]));
  page.render(run(second.id));
  await page.until(({ id }) => id === second.id);
  await settled();
  expect(completed).toEqual(by({ original: [first.id], tidegate: [first.id, second.id] }));
});

difference("an error of another run", async () => {
  const { id } = await backend.trigger();
  const token = await backend.token("read:runs");
  const page = show<RunView>(within(token, <Run runId="run_missing" />));
  await page.until(({ failed }) => failed);
  page.render(within(token, <Run runId={id} />));
  await page.until(isQueued);
  await settled();
  expect(page.now.failed).toBe(by({ original: true, tidegate: false }));
});

difference("a token that is still to come", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(undefined, <Run runId={id} />));
  await vi.waitFor(() => expect(page.thrown.length + page.seen.length).toBe(1));
  expect(page.thrown.map(({ message }) => message)).toEqual(
    by({ original: ["Missing accessToken in TriggerAuthContext or useApiClient options"], tidegate: [] }),
  );
  if (page.thrown.length > 0) return;
  page.render(within(token, <Run runId={id} />));
  await page.until(isQueued);
});

difference("stop after a double mount", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={id} />), { strict: true });
  await page.until(isQueued);
  page.click("Stop");
  await backend.report(id, { status: "EXECUTING" });
  await heard(id, token);
  expect(page.now.status).toBe(by({ original: "EXECUTING", tidegate: "QUEUED" }));
});

difference("listeners of a page after its components have gone", async () => {
  const { id, token } = await backend.trigger();
  const added = vi.spyOn(document, "addEventListener");
  const removed = vi.spyOn(document, "removeEventListener");
  for (let i = 0; i < 5; i++) {
    const page = show<RunView>(within(token, <Run runId={id} />));
    await page.until(isQueued);
    page.unmount();
  }
  await settled();
  const left = [added, removed].map(
    ({ mock }) => mock.calls.filter(([type]) => type === "visibilitychange").length,
  ) as [number, number];
  expect(left[0] - left[1] >= 5).toBe(by({ original: true, tidegate: false }));
  vi.restoreAllMocks();
});

/** Resolves when another reader has been told what has happened to a run, and what others were told at the same time is shown. */
async function heard(id: string, token: string) {
  const page = show<RunView>(within(token, <Run key={id} runId={id} />));
  await page.until(({ status }) => status !== undefined && status !== "QUEUED");
  await settled();
  page.unmount();
}
