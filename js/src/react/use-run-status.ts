import type { RealtimeRun } from "../client/runs/run.js";
import type { SkipColumn } from "../client/runs/target.js";
import { hasFinished } from "../store/has-finished.js";
import type { RunsSnapshot } from "../store/runs-store.js";
import { isSame } from "../store/runs-view.js";
import { type Feed, type UseRealtimeRunOptions, useRuns } from "./use-runs.js";

/** Everything that says more than how the run stands. */
const HEAVY: readonly SkipColumn[] = [
  "payload",
  "payloadType",
  "metadata",
  "metadataType",
  "output",
  "outputType",
  "error",
  "number",
  "isTest",
  "usageDurationMs",
  "costInCents",
  "baseCostInCents",
  "ttl",
  "runTags",
  "realtimeStreams",
];

const SHOWN = [
  "id",
  "taskIdentifier",
  "status",
  "rawStatus",
  "isQueued",
  "isExecuting",
  "isWaiting",
  "isCompleted",
  "isFailed",
  "isSuccess",
  "isCancelled",
  "createdAt",
  "queuedAt",
  "delayedUntil",
  "startedAt",
  "finishedAt",
  "expiredAt",
] as const;

/** How a run stands, without what it was given and what it has made. */
export type RunStanding = Readonly<Pick<RealtimeRun, (typeof SHOWN)[number]>>;

/** What {@link useRunStatus} returns. */
export interface UseRunStatusInstance extends Feed {
  /** The same object until something of it changes. Never that of another id. */
  readonly run: RunStanding | undefined;
  /** Whether the run has come to its end: it has succeeded, failed or been cancelled. */
  readonly isFinished: boolean;
}

/**
 * Follows how a run stands, and nothing else: the server leaves out payload, output, metadata and error, and the component renders
 * only when the status, one of its booleans or one of its dates changes.
 */
export function useRunStatus(
  runId: string | undefined,
  options: Omit<UseRealtimeRunOptions, "skipColumns" | "storedPackets"> = {},
): UseRunStatusInstance {
  const { shown, stop } = useRuns(runId ? { runId, skipColumns: HEAVY } : undefined, options, pickStanding);
  return { ...shown, isFinished: hasFinished(shown.run), stop };
}

type Picked = Omit<Feed, "stop"> & Pick<UseRunStatusInstance, "run">;

function pickStanding({ runs: [whole], ...feed }: RunsSnapshot, before: Picked | undefined): Picked {
  const run = whole && (Object.fromEntries(SHOWN.map((name) => [name, whole[name]])) as RunStanding);
  return { run: before?.run && run && isSame(before.run, run) ? before.run : run, ...feed };
}
