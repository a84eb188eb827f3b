import { expect, test } from "vitest";
import { RUN_SCHEMA, runRow } from "../../testing/runs.js";
import { decodeColumn } from "./columns.js";
import { type RunValues, toRun } from "./run.js";
import { toRunError } from "./run-error.js";

const nothing = { value: undefined, load: async () => undefined };
const values: RunValues = { payload: nothing, output: nothing, metadata: nothing };

function runOf(columns: Record<string, string | null> = {}) {
  const unreadable: string[] = [];
  const schema: Record<string, object> = RUN_SCHEMA;
  const row = Object.entries(runRow("run_1", columns)).map(([name, text]) => [name, decodeColumn(text, schema[name])]);
  return { run: toRun(Object.fromEntries(row), values, (column) => unreadable.push(column)), unreadable };
}

test("a run has the fields of the official packages, in their types", () => {
  expect(runOf().run).toEqual({
    id: "run_1",
    taskIdentifier: "quick",
    createdAt: new Date("2026-11-21T22:54:10.206Z"),
    updatedAt: new Date("2026-11-21T22:54:10.352Z"),
    startedAt: new Date("2026-11-21T22:54:10.252Z"),
    queuedAt: new Date("2026-11-21T22:54:10.203Z"),
    status: "EXECUTING",
    durationMs: 12,
    costInCents: 0.5,
    baseCostInCents: 0.0025,
    tags: ["live1", "x,y"],
    ttl: "10m",
    isTest: false,
    realtimeStreams: [],
    isQueued: false,
    isWaiting: false,
    isExecuting: true,
    isCompleted: false,
    isFailed: false,
    isSuccess: false,
    isCancelled: false,
  });
});

test("what else there is of it is not among its own fields", async () => {
  const { run } = runOf({ novelty: "x" });
  expect(run.rawStatus).toBe("EXECUTING");
  expect(run.columns).toMatchObject({ friendlyId: "run_1", novelty: "x" });
  expect(await run.loadOutput()).toBeUndefined();
  expect(Object.keys(run)).not.toContain("rawStatus");
});

test.each([
  ["DELAYED", "DELAYED", ["isQueued"]],
  ["WAITING_FOR_DEPLOY", "PENDING_VERSION", ["isQueued"]],
  ["PENDING_VERSION", "PENDING_VERSION", ["isQueued"]],
  ["PENDING", "QUEUED", ["isQueued"]],
  ["DEQUEUED", "DEQUEUED", ["isExecuting"]],
  ["EXECUTING", "EXECUTING", ["isExecuting"]],
  ["RETRYING_AFTER_FAILURE", "EXECUTING", ["isExecuting"]],
  ["PAUSED", "WAITING", ["isWaiting"]],
  ["WAITING_TO_RESUME", "WAITING", ["isWaiting"]],
  ["COMPLETED_SUCCESSFULLY", "COMPLETED", ["isCompleted", "isSuccess"]],
  ["COMPLETED_WITH_ERRORS", "FAILED", ["isCompleted", "isFailed"]],
  ["INTERRUPTED", "FAILED", ["isCompleted", "isFailed"]],
  ["CRASHED", "CRASHED", ["isCompleted", "isFailed"]],
  ["SYSTEM_FAILURE", "SYSTEM_FAILURE", ["isCompleted", "isFailed"]],
  ["EXPIRED", "EXPIRED", ["isCompleted", "isFailed"]],
  ["TIMED_OUT", "TIMED_OUT", ["isCompleted", "isFailed"]],
  ["CANCELED", "CANCELED", ["isCancelled"]],
  ["FROM_THE_FUTURE", "QUEUED", ["isQueued"]],
])("%s is %s", (raw, status, flags) => {
  const { run } = runOf({ status: raw });
  expect(run).toMatchObject({ status, rawStatus: raw });
  const told = Object.entries(run).filter(([name, value]) => /^is[A-Z]/.test(name) && value === true);
  expect(told.map(([name]) => name).sort()).toEqual(flags);
});

test.each([
  ["2026-11-21T22:54:10.206", "2026-11-21T22:54:10.206Z"],
  ["2026-11-21 22:54:10.206123", "2026-11-21T22:54:10.206Z"],
  ["2026-11-21T22:54:10Z", "2026-11-21T22:54:10.000Z"],
  ["2026-11-21T22:54:10+02:00", "2026-11-21T20:54:10.000Z"],
  ["2026-11-21 22:54:10.5+00", "2026-11-21T22:54:10.500Z"],
])("the time %s is %s", (text, iso) => {
  expect(runOf({ completedAt: text }).run.finishedAt).toEqual(new Date(iso));
});

test("one bad field is left out and told, and the run is not lost", () => {
  const { run, unreadable } = runOf({ completedAt: "soon", usageDurationMs: "many", runTags: null, isTest: null });
  expect(run).toMatchObject({ id: "run_1", durationMs: 0, tags: [], isTest: false });
  expect(run.finishedAt).toBeUndefined();
  expect(unreadable).toEqual(["completedAt"]);
});

const builtIn = { type: "BUILT_IN_ERROR", name: "TypeError", message: "x", stackTrace: "at y" };
test.each([
  [null, undefined],
  [builtIn, { name: "TypeError", message: "x", stackTrace: "at y" }],
  [
    { ...builtIn, causes: [{ name: "Error", message: "z" }] },
    { name: "TypeError", message: "x", stackTrace: "at y", causes: [{ name: "Error", message: "z" }] },
  ],
  [{ type: "STRING_ERROR", raw: "boom" }, { message: "boom" }],
  [{ type: "CUSTOM_ERROR", raw: '{"a":1}' }, { message: '{"a":1}' }],
  [{ type: "INTERNAL_ERROR", code: "TASK_RUN_CRASHED" }, { message: "trigger.dev internal error (TASK_RUN_CRASHED)" }],
  [
    { type: "INTERNAL_ERROR", code: "MAX_DURATION_EXCEEDED", message: "It took too long." },
    { message: "trigger.dev internal error (MAX_DURATION_EXCEEDED): It took too long." },
  ],
  [{ type: "INTERNAL_ERROR", code: "FROM_THE_FUTURE" }, { message: "trigger.dev internal error (FROM_THE_FUTURE)" }],
  [
    { ...builtIn, name: "TriggerApiError", message: "Deadlock detected: a" },
    { name: "Concurrency Deadlock Error", message: "Deadlock detected: a", stackTrace: "" },
  ],
  [
    { ...builtIn, name: "UnexpectedExitError", message: "Unexpected exit with code -1", stackTrace: "SIGSEGV" },
    { message: "trigger.dev internal error (TASK_PROCESS_SIGSEGV)" },
  ],
  [{ type: "FROM_THE_FUTURE", message: "boom" }, { message: "boom" }],
  [{ type: "FROM_THE_FUTURE" }, { message: "an error of the type FROM_THE_FUTURE" }],
  ["boom", { message: "boom" }],
])("the error %j", (wire, error) => {
  expect(toRunError(wire)).toEqual(error);
});
