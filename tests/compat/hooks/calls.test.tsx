import {
  TriggerAuthContext,
  useApiClient,
  useInputStreamSend,
  useRealtimeTaskTrigger,
  useRun,
  useTaskTrigger,
  useTriggerAuthContext,
  useWaitToken,
} from "@trigger.dev/react-hooks";
import useSWR from "swr";
import { expect, test, vi } from "vitest";
import { backend, unique } from "../support/backend.js";
import type { render } from "../types/tasks.js";
import { describeHandle, type RealtimeTriggering, RealtimeTriggerWithStreams, Run } from "./components.js";
import { within } from "./page.js";
import { by, difference, Shown, settled, show, steps, uncaughtDuring, until } from "./screen.js";

const { baseURL } = backend;

function Trigger({ tags }: { tags?: string[] }) {
  const { submit, handle, isLoading, error } = useTaskTrigger<typeof render>("render");
  return (
    <>
      <Shown value={{ handle: describeHandle(handle), isLoading, failed: !!error }} />
      <button type="button" onClick={() => submit({ scene: "sea", frames: 2 }, tags && { tags })}>
        Submit
      </button>
    </>
  );
}

test("useTaskTrigger: a run is triggered, with its payload and options", async () => {
  const tag = unique("tag");
  const page = show<RealtimeTriggering>(within(await backend.token("trigger:tasks:render"), <Trigger tags={[tag]} />));
  await page.until(() => true);
  page.click("Submit");
  await page.until(({ handle }) => !!handle);
  expect(steps(page.seen.map(({ isLoading }) => isLoading))).toEqual([false, true, false]);
  const { handle } = page.now;
  expect(page.now).toEqual({
    handle: { id: expect.stringMatching(/^run_/), hasToken: true, taskIdentifier: "render" },
    isLoading: false,
    failed: false,
  });
  const run = await (await backend.ask("GET", `/api/v3/runs/${handle?.id}`)).json();
  expect(run).toMatchObject({ payload: { scene: "sea", frames: 2 }, tags: [tag], taskIdentifier: "render" });
});

test("useTaskTrigger: the newest run is shown", async () => {
  const page = show<RealtimeTriggering>(within(await backend.token("trigger:tasks:render"), <Trigger />));
  await page.until(() => true);
  page.click("Submit");
  const first = await page.until(({ handle, isLoading }) => !!handle && !isLoading);
  page.click("Submit");
  await page.until(({ handle }) => handle?.id !== first.handle?.id);
  expect(page.now.failed).toBe(false);
});

difference("a failure that nobody catches", async () => {
  const token = await backend.token("read:runs");
  const send = await backend.trigger();
  await backend.report(send.id, { status: "COMPLETED_SUCCESSFULLY", output: "x" });
  const failures: boolean[] = [];
  const uncaught = await uncaughtDuring(async () => {
    const trigger = show<RealtimeTriggering>(within(token, <Trigger />));
    const wait = show<{ failed: boolean }>(within(token, <Wait id="waitpoint_missing" />));
    const input = show<{ failed: boolean }>(within(send.token, <Send runId={send.id} />));
    for (const [page, button] of [
      [trigger, "Submit"],
      [wait, "Complete"],
      [input, "Send"],
    ] as const) {
      page.click(button);
      await page.until(({ failed }) => failed);
      failures.push(page.now.failed);
    }
  });
  expect([failures, uncaught.length]).toEqual([[true, true, true], by({ original: 3, tidegate: 0 })]);
});

function RealtimeTrigger() {
  const { submit, handle, run, isLoading, error } = useRealtimeTaskTrigger<typeof render>("render");
  return (
    <>
      <Shown value={{ handle: describeHandle(handle), isLoading, failed: !!error, status: run?.status }} />
      <button type="button" onClick={() => submit({ scene: "sea" })}>
        Submit
      </button>
    </>
  );
}

test("useRealtimeTaskTrigger: and its run is followed", async () => {
  const page = show<RealtimeTriggering>(within(await backend.token("trigger:tasks:render"), <RealtimeTrigger />));
  await page.until(() => true);
  page.click("Submit");
  const { handle } = await page.until(({ status }) => status === "QUEUED");
  await backend.report(handle?.id as string, { status: "COMPLETED_SUCCESSFULLY", output: { url: "u" } });
  await page.until(({ status }) => status === "COMPLETED");
  expect(steps(page.seen.map(({ status }) => status))).toEqual([undefined, "QUEUED", "COMPLETED"]);
  expect(page.now).toEqual({
    handle: { id: handle?.id, hasToken: true, taskIdentifier: "render" },
    isLoading: false,
    failed: false,
    status: "COMPLETED",
  });
});

test("useRealtimeTaskTriggerWithStreams: and its streams are read", async () => {
  const page = show<RealtimeTriggering>(
    within(await backend.token("trigger:tasks:render"), <RealtimeTriggerWithStreams />),
  );
  await page.until(() => true);
  page.click("Submit");
  const { handle } = await page.until(({ status }) => status === "QUEUED");
  await backend.write(handle?.id as string, "log", "begun", "done");
  await page.until(({ streams }) => (streams as { log?: string[] }).log?.length === 2);
  expect(page.now).toMatchObject({ status: "QUEUED", streams: { log: ["begun", "done"] }, failed: false });
});

function Wait({ id }: { id: string | undefined }) {
  const { complete, isLoading, isCompleted, isReady, error } = useWaitToken<{ ok: boolean }>(id);
  return (
    <>
      <Shown value={{ isLoading, isCompleted, isReady, failed: !!error }} />
      <button type="button" onClick={() => complete({ ok: true })}>
        Complete
      </button>
    </>
  );
}

test("useWaitToken: a token is completed", async () => {
  const response = await backend.ask("POST", "/api/v1/waitpoints/tokens", {});
  const { id } = await response.json();
  const accessToken = response.headers.get("x-trigger-jwt") as string;
  const page = show<object>(within(accessToken, <Wait id={undefined} />));
  await page.until(() => true);
  page.render(within(accessToken, <Wait id={id} />));
  page.click("Complete");
  await page.until((shown) => "isCompleted" in shown && shown.isCompleted === true);
  const idle = { isLoading: false, isCompleted: false, isReady: true, failed: false };
  expect(page.seen).toEqual([
    { ...idle, isReady: false },
    idle,
    { ...idle, isLoading: true },
    { ...idle, isCompleted: true },
  ]);
  const token = await (await backend.ask("GET", `/api/v1/waitpoints/tokens/${id}`)).json();
  expect(token).toMatchObject({ status: "COMPLETED", output: expect.stringContaining('{"ok":true}') });
});

function Send({ runId }: { runId: string | undefined }) {
  const { send, isLoading, isReady, error } = useInputStreamSend<{ approved: boolean }>("approval", runId);
  return (
    <>
      <Shown value={{ isLoading, isReady, failed: !!error }} />
      <button type="button" onClick={() => void send({ approved: true })}>
        Send
      </button>
    </>
  );
}

test("useInputStreamSend: what is sent is in the input stream of the run", async () => {
  const { id, token } = await backend.trigger();
  const page = show<{ isLoading: boolean }>(within(token, <Send runId={undefined} />));
  await page.until(() => true);
  page.render(within(token, <Send runId={id} />));
  page.click("Send");
  await page.until(({ isLoading }) => isLoading);
  await page.until(({ isLoading }) => !isLoading);
  const ready = { isLoading: false, isReady: true, failed: false };
  expect(page.seen).toEqual([{ ...ready, isReady: false }, ready, { ...ready, isLoading: true }, ready]);
  expect(await backend.firstInput(id, "approval")).toEqual({ approved: true });
});

difference("a send without a run id", async () => {
  let page: ReturnType<typeof show<{ failed: boolean }>>;
  const uncaught = await uncaughtDuring(async () => {
    page = show(within(await backend.token("write:inputStreams"), <Send runId={undefined} />));
    await page.until(() => true);
    page.click("Send");
    await until({ tidegate: () => page.until(({ failed }) => failed) });
    expect(page.now.failed).toBe(by({ original: false, tidegate: true }));
  });
  expect(uncaught.length).toBe(by({ original: 1, tidegate: 0 }));
});

interface Asked {
  status?: string;
  payload?: unknown;
  isLoading: boolean;
  isError: boolean;
}

function AskedRun({ runId, ...options }: { runId: string; refreshInterval?: number }) {
  const { run, error, isLoading, isError } = useRun<typeof render>(runId, options);
  return <Shown value={{ status: run?.status, payload: run?.payload, isLoading, isError, failed: !!error }} />;
}

test("useRun: a run is asked for once", async () => {
  const { id, token } = await backend.trigger({ scene: "sea" });
  const page = show<Asked>(within(token, <AskedRun runId={id} />));
  await page.until(({ status }) => !!status);
  expect(steps(page.seen.map(({ isLoading }) => isLoading))).toContain(true);
  expect(page.now).toEqual({
    status: "QUEUED",
    payload: { scene: "sea" },
    isLoading: false,
    isError: false,
    failed: false,
  });
});

test("useRun: refreshInterval asks until the run has finished", async () => {
  const { id, token } = await backend.trigger({ scene: "sea" });
  const page = show<Asked>(within(token, <AskedRun runId={id} refreshInterval={30} />));
  await page.until(({ status }) => status === "QUEUED");
  await backend.report(id, { status: "EXECUTING" });
  await page.until(({ status }) => status === "EXECUTING");
  await backend.report(id, { status: "COMPLETED_SUCCESSFULLY", output: { url: "u" } });
  await page.until(({ status }) => status === "COMPLETED");
  expect(steps(page.seen.map(({ status }) => status))).toEqual([undefined, "QUEUED", "EXECUTING", "COMPLETED"]);
  const asked = (await backend.requests(`/api/v3/runs/${id}`)).length;
  await settled();
  expect((await backend.requests(`/api/v3/runs/${id}`)).length).toBe(asked);
});

difference("refreshInterval of a run that was cancelled", async () => {
  const { id, token } = await backend.trigger();
  await backend.report(id, { status: "CANCELED" });
  const page = show<Asked>(within(token, <AskedRun runId={id} refreshInterval={30} />));
  await page.until(({ status }) => status === "CANCELED");
  const isAskedAgain = () => backend.requests(`/api/v3/runs/${id}`).then(({ length }) => length > 1);
  await until({ original: () => vi.waitUntil(isAskedAgain, { timeout: 10_000 }) });
  expect(await isAskedAgain()).toBe(by({ original: true, tidegate: false }));
});

difference("a refreshInterval of less than two seconds", async () => {
  const { id, token } = await backend.trigger();
  const page = show<Asked>(within(token, <AskedRun runId={id} refreshInterval={30} />));
  await page.until(({ status }) => status === "QUEUED");
  const isAskedAgain = () => backend.requests(`/api/v3/runs/${id}`).then(({ length }) => length > 1);
  await until({ tidegate: () => vi.waitUntil(isAskedAgain, { timeout: 10_000 }) });
  expect(await isAskedAgain()).toBe(by({ original: false, tidegate: true }));
});

difference("an application's own SWR key that is a run id", async () => {
  const { id, token } = await backend.trigger();
  function Both() {
    const { data } = useSWR(id, () => "of the application");
    const { run } = useRun<typeof render>(id);
    return <Shown value={{ data: typeof data, run: typeof run }} />;
  }
  const page = show<{ data: string; run: string }>(within(token, <Both />));
  await page.until(({ data, run }) => data !== "undefined" && run !== "undefined");
  await settled();
  expect(page.now).toEqual(
    by({ original: expect.objectContaining({ run: page.now.data }), tidegate: { data: "string", run: "object" } }),
  );
});

test("useApiClient: a client with the token of the context", async () => {
  const { id, token } = await backend.trigger({ scene: "sea" });
  const retrieved: string[] = [];
  function Retrieve() {
    const client = useApiClient();
    return (
      <>
        <Shown value={{ isThere: !!client }} />
        <button type="button" onClick={() => void client?.retrieveRun(id).then((run) => retrieved.push(run.status))}>
          Retrieve
        </button>
      </>
    );
  }
  const page = show(within(token, <Retrieve />));
  await page.until(() => true);
  page.click("Retrieve");
  await vi.waitFor(() => expect(retrieved).toEqual(["QUEUED"]));
});

difference("the client of useApiClient", async () => {
  const clients = new Set<unknown>();
  function Client() {
    clients.add(useApiClient());
    return <Shown value={{}} />;
  }
  const token = await backend.token("read:runs");
  const page = show(within(token, <Client />));
  for (let i = 0; i < 3; i++) page.render(within(token, <Client />));
  expect(clients.size).toBe(by({ original: 4, tidegate: 1 }));
});

test("TriggerAuthContext: a hook's own options win over it, and an inner one over an outer one", async () => {
  const { id, token } = await backend.trigger();
  const shown = [
    <TriggerAuthContext.Provider key={1} value={{ baseURL: "http://127.0.0.1:9", accessToken: "not this one" }}>
      <Run runId={id} baseURL={baseURL} accessToken={token} />
    </TriggerAuthContext.Provider>,
    <TriggerAuthContext.Provider key={2} value={{ baseURL, accessToken: "not this one" }}>
      <TriggerAuthContext.Provider value={{ baseURL, accessToken: token }}>
        <Run runId={id} />
      </TriggerAuthContext.Provider>
    </TriggerAuthContext.Provider>,
    <Run key={3} runId={id} baseURL={baseURL} accessToken={token} />,
  ];
  for (const element of shown) {
    const page = show<{ status?: string; failed: boolean }>(element);
    await page.until(({ status }) => status === "QUEUED");
    expect(page.now.failed).toBe(false);
  }
});

test("useTriggerAuthContext: what the context has", async () => {
  function Base() {
    return <Shown value={useTriggerAuthContext().baseURL} />;
  }
  expect(show<string>(within("token", <Base />)).now).toBe(baseURL);
});

difference("useTriggerAuthContext without a context", async () => {
  function Base() {
    return <Shown value={Object.keys(useTriggerAuthContext())} />;
  }
  const page = show<string[]>(<Base />);
  expect(page.thrown).toHaveLength(by({ original: 1, tidegate: 0 }));
});

difference("a token that is used up while a run is followed", async () => {
  const { id } = await backend.trigger();
  const [before, after] = await Promise.all(["2s", "1h"].map((life) => backend.tokenFor(life, `read:runs:${id}`)));
  const page = show<{ status?: string; failed: boolean }>(within(before, <Run runId={id} />));
  await page.until(({ status }) => status === "QUEUED");
  page.render(within(after, <Run runId={id} />));
  // Two polls of two seconds.
  const isUsedUp = new Promise((settle) => setTimeout(settle, 4_500));
  await until({ original: () => page.until(({ failed }) => failed), tidegate: () => isUsedUp });
  await backend.report(id, { status: "EXECUTING" });
  await until({ tidegate: () => page.until(({ status }) => status === "EXECUTING") });
  expect(page.now).toEqual(
    by({ original: { id, status: "QUEUED", failed: true }, tidegate: { id, status: "EXECUTING", failed: false } }),
  );
});
