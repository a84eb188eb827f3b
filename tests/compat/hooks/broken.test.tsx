// What differs when something goes wrong: on a server of its own, where that happens to nobody else.
import { expect, inject, vi } from "vitest";
import { Backend, unique } from "../support/backend.js";
import {
  type RealtimeTriggering,
  RealtimeTriggerWithStreams,
  Run,
  type RunsView,
  type RunView,
  RunWithStreams,
  type RunWithStreamsView,
  TaggedRuns,
} from "./components.js";
import { within } from "./page.js";
import { by, difference, settled, show, uncaughtDuring, until } from "./screen.js";

const backend = new Backend(inject("faulty"));
const { baseURL } = backend;

const done = { status: "COMPLETED_SUCCESSFULLY", output: { url: "https://example.com/sea" } };
const isQueued = ({ status }: RunView) => status === "QUEUED";
const idsOf = ({ runs }: RunsView) => runs.map(({ id }) => id);

difference("an output that cannot be downloaded", async () => {
  const { id, token } = await backend.trigger();
  const page = show<RunView>(within(token, <Run runId={id} />, baseURL));
  await page.until(isQueued);
  await backend.faults({ match: { path: "/objects/*" }, fault: { kind: "answer", status: 404, body: "gone" } });
  await backend.report(id, { ...done, output: { url: "x".repeat(600_000) } });
  await page.until(({ status, failed }) => status === "COMPLETED" || failed);
  await settled();
  expect(page.now).toEqual(
    by({ original: { id, status: "QUEUED", failed: true }, tidegate: { id, status: "COMPLETED", failed: false } }),
  );
});

difference("runs that are gone after the feed has begun anew", async () => {
  const tag = unique("tag");
  const trigger = async () => (await backend.trigger({}, { tags: [tag] })).id;
  const [first, second] = [await trigger(), await trigger()];
  const token = await backend.token(`read:tags:${tag}`);
  const page = show<RunsView>(within(token, <TaggedRuns tag={tag} />, baseURL));
  await page.until(({ runs }) => runs.length === 2);
  await backend.report(first, { tags: [] });
  await backend.faults({ match: { path: "/realtime/v1/runs" }, times: 1, fault: { kind: "must-refetch" } });
  await backend.report(second, { status: "EXECUTING" });
  await vi.waitFor(async () => expect(await backend.faultCounts()).toEqual([1]), { timeout: 10_000 });
  const third = await trigger();
  await page.until((shown) => idsOf(shown).includes(third));
  expect(new Set(idsOf(page.now))).toEqual(
    new Set(by({ original: [first, second, third], tidegate: [second, third] })),
  );
});

difference("a stream of a run that may not be read", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "log", "begun");
  const path = `/realtime/v1/streams/${id}/log`;
  const refusal = { kind: "answer", status: 403, body: '{"error":"Unauthorized"}' };
  await backend.faults({ match: { path }, times: 9, fault: refusal });
  let failed = false;
  const uncaught = await uncaughtDuring(async () => {
    const page = show<RunWithStreamsView>(within(token, <RunWithStreams runId={id} />, baseURL));
    await page.until(({ status }) => status === "QUEUED");
    await until({ tidegate: () => page.until(({ failed }) => failed) });
    failed = page.now.failed;
  });
  expect([failed, uncaught.length > 0]).toEqual(by({ original: [false, true], tidegate: [true, false] }));
});

difference("a run that was triggered with streams and cannot be followed", async () => {
  await backend.faults({
    match: { method: "GET", path: "/realtime/v1/runs/*" },
    times: 9,
    fault: { kind: "answer", status: 403, body: '{"error":"Unauthorized"}' },
  });
  const page = show<RealtimeTriggering>(
    within(await backend.token("trigger:tasks:render"), <RealtimeTriggerWithStreams />, baseURL),
  );
  await page.until(() => true);
  page.click("Submit");
  await page.until(({ handle }) => !!handle);
  await until({ tidegate: () => page.until(({ failed }) => failed) });
  expect(page.now.failed).toBe(by({ original: false, tidegate: true }));
});
