import { useRealtimeStream } from "@trigger.dev/react-hooks";
import { expect, test, vi } from "vitest";
import { backend } from "../support/backend.js";
import type { progress } from "../types/tasks.js";
import { DefaultStream, RunWithStreams, type RunWithStreamsView, Stream, type StreamView } from "./components.js";
import { within } from "./page.js";
import { by, difference, Shown, settled, show, uncaughtDuring, until } from "./screen.js";

const has = (count: number) => (shown: StreamView) => shown.parts.length === count;

test("the parts of a stream as they come", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "ai", "one", "two");
  const heard: string[] = [];
  const batches: { id: string; chunk: string }[][] = [];
  const page = show<StreamView>(
    within(
      token,
      <Stream runId={id} streamKey="ai" onData={(part) => heard.push(part)} onParts={(parts) => batches.push(parts)} />,
    ),
  );
  await page.until(has(2));
  await backend.write(id, "ai", "three");
  await page.until(has(3));
  expect(page.now.parts).toEqual(["one", "two", "three"]);
  expect(page.seen[0]).toEqual({ parts: [], failed: false });
  await page.until(({ lastEventId }) => lastEventId === "2");
  await vi.waitFor(() => expect(heard).toEqual(["one", "two", "three"]));
  expect(batches.flat().map(({ id, chunk }) => [id, chunk])).toEqual([
    ["0", "one"],
    ["1", "two"],
    ["2", "three"],
  ]);
});

test("parts of any kind", async () => {
  const { id, token } = await backend.trigger();
  const parts = [{ a: [1, null] }, 0, "", "text\nin lines", [[]], true, null];
  await backend.write(id, "ai", ...parts);
  const page = show<StreamView>(within(token, <Stream runId={id} streamKey="ai" />));
  await page.until(has(parts.length));
  expect(page.now.parts).toEqual(parts);
});

test("the default stream", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "default", "one");
  const page = show<StreamView>(within(token, <DefaultStream runId={id} />));
  await page.until(has(1));
  expect(page.now.parts).toEqual(["one"]);
});

test("a stream as the task defines it", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "progress", { percent: 1 }, { percent: 2 });
  // As its bundler would give it to a page: what is imported is a type.
  const definition = { id: "progress" } as typeof progress;
  function Progress() {
    const { parts } = useRealtimeStream(definition, id);
    return <Shown value={{ parts: parts.map(({ percent }) => percent.toFixed(1)) }} />;
  }
  const page = show<StreamView>(within(token, <Progress />));
  await page.until(has(2));
  expect(page.now.parts).toEqual(["1.0", "2.0"]);
});

test.each([
  ["startIndex", { startIndex: 2 }, ["three", "four"]],
  ["startIndex 0", { startIndex: 0 }, ["one", "two", "three", "four"]],
  ["lastEventId", { lastEventId: "0" }, ["two", "three", "four"]],
  ["lastEventId as a number", { lastEventId: 1 }, ["three", "four"]],
  ["lastEventId over startIndex", { lastEventId: "2", startIndex: 1 }, ["four"]],
  ["from beginning", { from: "beginning" }, ["one", "two", "three", "four"]],
  ["from latest", { from: "latest" }, ["four"]],
  ["startIndex over from", { from: "latest", startIndex: 1 }, ["two", "three", "four"]],
  ["maxParts", { maxParts: 2 }, ["three", "four"]],
  ["maxParts and startIndex", { maxParts: 1, startIndex: 1 }, ["four"]],
  ["no throttle", { throttleInMs: 0 }, ["one", "two", "three", "four"]],
] as const)("where it begins and what it keeps: %s", async (_, options, expected) => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "ai", "one", "two", "three");
  const page = show<StreamView>(within(token, <Stream runId={id} streamKey="ai" {...options} />));
  await vi.waitFor(async () => expect(await isOpen(id, "ai")).toBe(true));
  await backend.write(id, "ai", "four");
  await page.until(({ parts }) => parts.at(-1) === "four" && parts.length >= expected.length);
  expect(page.now.parts).toEqual(expected);
});

test("enabled and stop", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "ai", "one");
  const page = show<StreamView>(within(token, <Stream runId={id} streamKey="ai" enabled={false} />));
  await settled();
  expect(page.seen).toEqual([{ parts: [], failed: false }]);
  page.render(within(token, <Stream runId={id} streamKey="ai" />));
  await page.until(has(1));
  page.click("Stop");
  await backend.write(id, "ai", "two");
  await settled();
  expect(page.now.parts).toEqual(["one"]);
});

test("another run", async () => {
  const [first, second] = [await backend.trigger(), await backend.trigger()];
  await backend.write(first.id, "ai", "of the first");
  await backend.write(second.id, "ai", "of the second");
  const token = await backend.token(`read:runs:${first.id}`, `read:runs:${second.id}`);
  const page = show<StreamView>(within(token, <Stream runId={first.id} streamKey="ai" />));
  await page.until(has(1));
  page.render(within(token, <Stream runId={second.id} streamKey="ai" />));
  await page.until(({ parts }) => parts[0] === "of the second");
  expect(page.now.parts).toEqual(["of the second"]);
});

test("a token that may not read the run is an error", async () => {
  const { id } = await backend.trigger();
  const token = await backend.token("read:runs:another");
  let page: ReturnType<typeof show<StreamView>>;
  await uncaughtDuring(async () => {
    page = show<StreamView>(within(token, <Stream runId={id} streamKey="ai" />));
    await page.until(({ failed }) => failed);
    expect(page.now.parts).toEqual([]);
  });
});

difference("another stream of the same run", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "one", "of one");
  await backend.write(id, "two", "of two");
  const page = show<StreamView>(within(token, <Stream runId={id} streamKey="one" />));
  await page.until(has(1));
  page.render(within(token, <Stream runId={id} streamKey="two" />));
  await until({ tidegate: () => page.until(has(1)) });
  expect(page.now.parts).toEqual(by({ original: [], tidegate: ["of two"] }));
});

difference("two components with one id", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "ai", "one", "two");
  const page = show<StreamView>(
    within(
      token,
      <>
        <Stream runId={id} streamKey="ai" id="shared" />
        <Stream runId={id} streamKey="ai" id="shared" />
      </>,
    ),
  );
  await page.until(({ parts }) => parts.length >= 2);
  await settled();
  const connections = (await backend.requests(`/realtime/v1/streams/${id}/ai`)).length;
  expect([page.now.parts.length, connections]).toEqual(by({ original: [4, 2], tidegate: [2, 1] }));
});

difference("a stream key that an address cannot hold as it is", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, encodeURIComponent("50 % or more?"), "one");
  const page = show<StreamView>(within(token, <Stream runId={id} streamKey="50 % or more?" />));
  await until({ tidegate: () => page.until(has(1)) });
  expect(page.now.parts).toEqual(by({ original: [], tidegate: ["one"] }));
});

difference("silence on a stream", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "ai", "one");
  const page = show<StreamView>(within(token, <Stream runId={id} streamKey="ai" timeoutInSeconds={1} />));
  await page.until(has(1));
  await new Promise((settle) => setTimeout(settle, 1_800));
  await backend.write(id, "ai", "two");
  await settled();
  expect(page.now).toMatchObject(
    by({ original: { parts: ["one"], failed: false }, tidegate: { parts: ["one", "two"] } }),
  );
});

difference("onData that is another function on each render", async () => {
  const { id, token } = await backend.trigger();
  const heard: string[] = [];
  const stream = (by: string) => <Stream runId={id} streamKey="ai" onData={(part) => heard.push(`${part} by ${by}`)} />;
  const page = show<StreamView>(within(token, stream("the first")));
  await backend.write(id, "ai", "one");
  await page.until(has(1));
  page.render(within(token, stream("the second")));
  await backend.write(id, "ai", "two");
  await page.until(has(2));
  await vi.waitFor(() => expect(heard).toHaveLength(2));
  expect(heard).toEqual(
    by({ original: ["one by the first", "two by the first"], tidegate: ["one by the first", "two by the second"] }),
  );
});

test("a run with all its streams", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "log", "begun");
  await backend.write(id, "steps", { n: 1 });
  const page = show<RunWithStreamsView>(within(token, <RunWithStreams runId={id} />));
  await page.until(({ streams }) => streams.log?.length === 1 && streams.steps?.length === 1);
  await backend.report(id, { status: "EXECUTING" });
  await backend.write(id, "log", "done");
  await page.until(({ streams, status }) => streams.log?.length === 2 && status === "EXECUTING");
  expect(page.now).toEqual({
    id,
    status: "EXECUTING",
    streams: { log: ["begun", "done"], steps: [{ n: 1 }] },
    failed: false,
  });
  expect(page.seen[0]).toEqual({ streams: {}, failed: false });
});

test("the streams that the metadata name", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "log", "begun");
  await backend.write(id, "steps", { n: 1 });
  await backend.report(id, { metadata: { $$streams: ["log"] } });
  const page = show<RunWithStreamsView>(within(token, <RunWithStreams runId={id} />));
  await page.until(({ streams }) => streams.log?.length === 1);
  await settled();
  expect(page.now.streams).toEqual({ log: ["begun"] });
});

test("a run that has finished, with its streams", async () => {
  const { id, token } = await backend.trigger();
  await backend.write(id, "log", "one", "two");
  await backend.report(id, { status: "COMPLETED_SUCCESSFULLY", output: "x" });
  const onComplete = vi.fn();
  const page = show<RunWithStreamsView>(within(token, <RunWithStreams runId={id} onComplete={onComplete} />));
  await page.until(({ streams, status }) => streams.log?.length === 2 && status === "COMPLETED");
  expect(onComplete).toHaveBeenCalledOnce();
});

const isOpen = async (run: string, key: string) =>
  (await backend.requests(`/realtime/v1/streams/${run}/${key}`)).some(({ method }) => method === "GET");
