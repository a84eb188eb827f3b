/** The columns of a run's row, by their types, as a server describes them. */
export const RUN_SCHEMA = {
  ...Object.fromEntries(
    ["id", "taskIdentifier", "friendlyId", "status", "ttl"].map((name) => [name, { type: "text" }]),
  ),
  ...Object.fromEntries(
    ["createdAt", "updatedAt", "startedAt", "delayUntil", "queuedAt", "expiredAt", "completedAt"].map((name) => [
      name,
      { type: "timestamp" },
    ]),
  ),
  ...Object.fromEntries(
    ["payload", "payloadType", "metadata", "metadataType", "output", "outputType"].map((name) => [
      name,
      { type: "text" },
    ]),
  ),
  number: { type: "int4" },
  isTest: { type: "bool" },
  usageDurationMs: { type: "int4" },
  costInCents: { type: "float8" },
  baseCostInCents: { type: "float8" },
  runTags: { type: "text", dims: 1 },
  error: { type: "jsonb" },
  realtimeStreams: { type: "text", dims: 1 },
};

/** A row as a server sends it. */
export function runRow(id: string, columns: Record<string, string | null> = {}): Record<string, string | null> {
  return {
    id: `c${id}`,
    taskIdentifier: "quick",
    createdAt: "2026-11-21T22:54:10.206",
    updatedAt: "2026-11-21T22:54:10.352",
    startedAt: "2026-11-21T22:54:10.252",
    delayUntil: null,
    queuedAt: "2026-11-21T22:54:10.203",
    expiredAt: null,
    completedAt: null,
    friendlyId: id,
    number: "0",
    isTest: "f",
    status: "EXECUTING",
    usageDurationMs: "12",
    costInCents: "0.5",
    baseCostInCents: "0.0025",
    ttl: "10m",
    payload: '{"seconds":200}',
    payloadType: "application/json",
    metadata: null,
    metadataType: "application/json",
    output: null,
    outputType: "application/json",
    runTags: '{"live1","x,y"}',
    error: null,
    realtimeStreams: "{}",
    ...columns,
  };
}

/** The message that brings a row. */
export function insertRun(id: string, columns: Record<string, string | null> = {}) {
  return { key: `"public"."TaskRun"/"c${id}"`, value: runRow(id, columns), headers: { operation: "insert" } };
}

/** The message that changes one. */
export function updateRun(id: string, columns: Record<string, string | null>) {
  return { key: `"public"."TaskRun"/"c${id}"`, value: columns, headers: { operation: "update" } };
}
