import { ApiClient, parsePacket, stringifyIO } from "@trigger.dev/core/v3";
import { afterEach, expect, test, vi } from "vitest";
import { EventPump } from "../../../js/src/client/event-pump.js";
import { followRuns } from "../../../js/src/client/runs/follow-runs.js";
import type { RealtimeRun } from "../../../js/src/client/runs/run.js";
import { FakeLoader, settle } from "../../../js/src/testing/fake-engine.js";
import { RUN_SCHEMA, runRow } from "../../../js/src/testing/runs.js";
import { type Batch, serveLog } from "./electric.js";
import { type Random, randomFrom } from "./random.js";
import { someValue } from "./values.js";

afterEach(() => vi.unstubAllGlobals());

const LOGS = 500;

const STATUSES = [
  "DELAYED",
  "WAITING_FOR_DEPLOY",
  "PENDING_VERSION",
  "PENDING",
  "DEQUEUED",
  "EXECUTING",
  "RETRYING_AFTER_FAILURE",
  "PAUSED",
  "WAITING_TO_RESUME",
  "COMPLETED_SUCCESSFULLY",
  "COMPLETED_WITH_ERRORS",
  "INTERRUPTED",
  "CANCELED",
  "CRASHED",
  "SYSTEM_FAILURE",
  "EXPIRED",
  "TIMED_OUT",
  "NOBODY_KNOWS_IT",
];

function someError(random: Random): object {
  const signal = random.pick(["SIGTERM", "SIGSEGV", "SIGKILL", "SIGABRT", "SIGHUP", "SIGKILL after SIGTERM"]);
  const builtIn = (name: string, message: string, stackTrace = random.text()) => {
    const causes = random.oneIn(3) ? { causes: random.list(2, () => ({ name: "Error", message: random.text() })) } : {};
    return { type: "BUILT_IN_ERROR", name, message, stackTrace, ...causes };
  };
  const internal = (code: string, message?: string) => ({ type: "INTERNAL_ERROR", code, ...(message && { message }) });
  return random.pick([
    () => builtIn("TypeError", random.text()),
    () => builtIn("UnexpectedExitError", "Unexpected exit with code -1", `at ${signal}`),
    () => builtIn("UnexpectedExitError", "Unexpected exit with code 1", `at ${signal}`),
    () => builtIn("UnexpectedExitError", "Unexpected exit with code -1", `${"x".repeat(100)}${signal}`),
    () => builtIn("Error", "ffmpeg was killed with signal SIGKILL"),
    () => builtIn("Error", "MANUAL_OOM_KILL_ERROR"),
    () => builtIn("TriggerApiError", "Deadlock detected: it waits for itself"),
    () => builtIn("TriggerApiError", random.text()),
    () => ({ type: "STRING_ERROR", raw: random.text() }),
    () => ({ type: "CUSTOM_ERROR", raw: random.text() }),
    () => internal("TASK_RUN_CRASHED", random.text()),
    () => internal("TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE", `it got ${signal}`),
    () => internal("TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE"),
    () => internal("UNSPECIFIED_ERROR"),
  ])();
}

async function someColumns(random: Random): Promise<Record<string, string | null>> {
  const time = () => `2026-11-${10 + random.below(20)}T0${random.below(10)}:00:00.${100 + random.below(900)}`;
  const optionally = (make: () => string) => (random.oneIn(2) ? null : make());
  const words = (list: string[]) => `{${list.map((word) => `"${word.replace(/["\\]/g, "\\$&")}"`).join()}}`;
  const packet = async (name: string) => {
    if (random.oneIn(4)) return { [name]: null, [`${name}Type`]: "application/json" };
    let encoded = await stringifyIO(someValue(random, 3));
    // Their encoder makes some that their decoder cannot read: see the differences below.
    while (!(await isReadable(encoded))) encoded = await stringifyIO(someValue(random, 3));
    const { data = null, dataType } = encoded;
    return { [name]: data as string | null, [`${name}Type`]: dataType };
  };
  return {
    status: random.pick(STATUSES),
    createdAt: time(),
    updatedAt: time(),
    startedAt: optionally(time),
    delayUntil: optionally(time),
    queuedAt: optionally(time),
    expiredAt: optionally(time),
    completedAt: optionally(time),
    usageDurationMs: String(random.below(1e6)),
    costInCents: random.pick(["0", "0.0025", "1e-7"]),
    baseCostInCents: random.pick(["0", "0.0025"]),
    isTest: random.pick(["t", "f"]),
    ttl: optionally(() => "10m"),
    runTags: optionally(() => words(random.list(3, () => random.text()))),
    realtimeStreams: words(random.list(2, () => random.text())),
    error: optionally(() => JSON.stringify(someError(random))),
    metadata: optionally(() => JSON.stringify({ step: random.below(9), deep: { text: random.text() } })),
    ...(await packet("payload")),
    ...(await packet("output")),
  };
}

function isReadable(packet: Parameters<typeof parsePacket>[0]): Promise<boolean> {
  return parsePacket(packet).then(
    () => true,
    () => false,
  );
}

/** A snapshot, changes to it, and at times a snapshot anew; with what of it is news in each batch. */
async function someLog(random: Random): Promise<Batch[]> {
  const rows = new Map<string, Record<string, string | null>>();
  const batches: Batch[] = [];
  const insert = async () => {
    const id = `run_${rows.size}`;
    rows.set(id, runRow(id, await someColumns(random)));
    return { key: id, value: rows.get(id) as object, headers: { operation: "insert" } };
  };
  const update = async () => {
    const id = random.pick([...rows.keys()]);
    const columns = await someColumns(random);
    // A packet's data and type belong together.
    const chosen = new Set(
      Object.keys(columns)
        .map((name) => name.replace(/Type$/, ""))
        .filter(() => random.oneIn(4)),
    );
    // Each has something new in it: of one that has not, the official reader makes a run like the one before.
    const changed = Object.entries(columns).filter(([name]) => chosen.has(name.replace(/Type$/, "")));
    const part = { ...Object.fromEntries(changed), number: String(batches.length * 100 + random.below(100)) };
    rows.set(id, { ...rows.get(id), ...part });
    return { key: id, value: random.oneIn(2) ? part : (rows.get(id) as object), headers: { operation: "update" } };
  };
  const some = async (most: number, make: () => Promise<object>) => {
    const messages: object[] = [];
    for (let left = 1 + random.below(most); left > 0; left -= 1) messages.push(await make());
    return messages;
  };
  batches.push({ messages: await some(5, insert) });
  for (let left = random.below(4); left > 0; left -= 1) {
    batches.push({ messages: await some(4, () => (random.oneIn(5) ? insert() : update())) });
  }
  if (random.oneIn(4)) {
    for (const [id, row] of rows) rows.set(id, { ...row, number: "-1" });
    const again = [...rows].map(([key, value]) => ({ key, value, headers: { operation: "insert" } }));
    batches.push({ messages: again, refetch: true });
  }
  return batches;
}

const newsIn = ({ messages }: Batch) => new Set(messages.map((message) => (message as { key: string }).key)).size;

async function theirs(batches: Batch[]): Promise<object[]> {
  const { origin, fetch } = serveLog(batches, RUN_SCHEMA);
  vi.stubGlobal("fetch", fetch);
  const client = new ApiClient(origin, "tr_dev_1234");
  const runs: object[] = [];
  const count = batches.reduce((sum, batch) => sum + newsIn(batch), 0);
  for await (const run of client.subscribeToRunsWithTag("tag")) {
    runs.push(run);
    if (runs.length === count) break;
  }
  return runs;
}

async function ours(batches: Batch[]): Promise<RealtimeRun[][]> {
  const loader = new FakeLoader();
  const pump = new EventPump(loader.load);
  const principal = pump.openPrincipal({ baseURL: "https://feed.example.com", branch: undefined }, "token");
  const told: RealtimeRun[][] = [];
  const stop = followRuns(pump, {
    principal,
    target: { tags: "tag" },
    listener: { changed: () => {}, runs: (_, changed) => told.push([...changed]) },
  });
  await settle();
  const [feed = 0] = loader.engine.idsOf("follow");
  batches.forEach(({ messages, refetch }, index) => {
    const schema = index === 0 || refetch ? RUN_SCHEMA : undefined;
    loader.engine.rows(feed, [...messages], { schema });
  });
  await vi.waitFor(() => expect(told).toHaveLength(batches.length));
  stop();
  return told;
}

test(`${LOGS} feeds give the runs that the official client gives, in the same order`, async () => {
  let compared = 0;
  for (let seed = 0; seed < LOGS; seed += 1) {
    const batches = await someLog(randomFrom(seed));
    const official = await theirs(batches);
    const told = await ours(batches);
    expect(
      told.map((runs) => runs.length),
      `seed ${seed}`,
    ).toEqual(batches.map(newsIn));
    told.flat().forEach((run, index) => {
      // The one field that they read and do not hand on.
      const { ttl, ...rest } = run;
      expect(ttl).toBe(run.columns.ttl ?? undefined);
      expect({ ...rest }, `seed ${seed}, run ${index}`).toStrictEqual(official[index]);
      expect(Object.keys(rest)).toEqual(expect.arrayContaining(Object.keys(official[index] as object)));
      compared += 1;
    });
  }
  expect(compared).toBeGreaterThan(LOGS * 5);
});

/** What the official client makes of one batch: its first run, or the reason why its feed is over. */
async function theirFirst(batch: Batch): Promise<object | string> {
  const { origin, fetch } = serveLog([batch], RUN_SCHEMA);
  vi.stubGlobal("fetch", fetch);
  const client = new ApiClient(origin, "tr_dev_1234");
  try {
    for await (const run of client.subscribeToRunsWithTag("tag")) return run;
    return "no run";
  } catch (error) {
    return String((error as Error).message).slice(0, 40);
  }
}

const only = (columns: Record<string, string | null>): Batch => ({
  messages: [{ key: "a", value: runRow("run_1", columns), headers: { operation: "insert" } }],
});

test.each<[string, Record<string, string>, object]>([
  [
    "an error code from the future",
    { error: '{"type":"INTERNAL_ERROR","code":"NEW"}' },
    { error: { message: "trigger.dev internal error (NEW)" } },
  ],
  ["an error of a new type", { error: '{"type":"NEW","message":"boom"}' }, { error: { message: "boom" } }],
  ["a payload that cannot be read", { payload: "{", payloadType: "application/json" }, { payload: undefined }],
  ["metadata that cannot be read", { metadata: "{", metadataType: "application/json" }, { metadata: undefined }],
  ["a tag that is NULL", { runTags: "{a,NULL}" }, { tags: ["a"] }],
  ["a creation date that is none", { createdAt: "soon" }, { createdAt: undefined }],
])("difference: %s ends their feed, and ours goes on", async (_, columns, fields) => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  expect(await theirFirst(only(columns))).toBeTypeOf("string");
  expect((await ours([only(columns)]))[0]?.[0]).toMatchObject({ id: "run_1", ...fields });
});

test("difference: a time that cannot be read is a date that does not exist for them, and none for us", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const columns = { completedAt: "soon" };
  expect(String(((await theirFirst(only(columns))) as RealtimeRun).finishedAt)).toBe("Invalid Date");
  expect((await ours([only(columns)]))[0]?.[0]?.finishedAt).toBeUndefined();
});
