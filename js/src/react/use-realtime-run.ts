import { useEffect, useState } from "react";
import { guard } from "../client/guard.js";
import type { RealtimeRun } from "../client/runs/run.js";
import type { AnyTask } from "../client/runs/task-types.js";
import { hasFinished } from "../store/has-finished.js";
import type { RunsSnapshot } from "../store/runs-store.js";
import { useLatest } from "./use-latest.js";
import { type Feed, type UseRealtimeRunOptions, useRuns } from "./use-runs.js";

/** Options of the hooks that follow one run. */
export interface UseRealtimeSingleRunOptions<TTask extends AnyTask = AnyTask> extends UseRealtimeRunOptions {
  /**
   * Called once for each run that has finished, however it ended, with everything it left: what the object store has of its output
   * is here, unless `storedPackets` says otherwise. The newest closure is called.
   */
  onComplete?: ((run: RealtimeRun<TTask>, error?: Error) => void) | undefined;
  /** False goes on for as long as the component is there: for metadata that other runs write later. Default: true. */
  stopOnCompletion?: boolean | undefined;
}

/** What {@link useRealtimeRun} returns. */
export interface UseRealtimeRunInstance<TTask extends AnyTask = AnyTask> extends Feed {
  /** The run, once it is known. Never that of another id. */
  readonly run: RealtimeRun<TTask> | undefined;
  /** Whether the run has come to its end: it has succeeded, failed or been cancelled. `run.isCompleted` leaves out the last. */
  readonly isFinished: boolean;
}

/**
 * Follows a run. Components that follow the same one share one connection. A missing run id or token is `idle`, and starts when it
 * arrives.
 *
 * ```tsx
 * import { useRealtimeRun } from "tidegate/react";
 * import type { report } from "./trigger/report";
 *
 * function Report({ runId }: { runId: string | undefined }) {
 *   const { run, isFinished, error } = useRealtimeRun<typeof report>(runId);
 *   if (error) return <p role="alert">{error.message}</p>;
 *   return <p>{isFinished ? (run?.output?.url ?? run?.error?.message) : run?.status}</p>;
 * }
 * ```
 *
 * @typeParam TTask The task, as `typeof myTask`: gives the run's payload and output their types.
 */
export function useRealtimeRun<TTask extends AnyTask = AnyTask>(
  runId?: string,
  options: UseRealtimeSingleRunOptions<TTask> = {},
): UseRealtimeRunInstance<TTask> {
  const { isActive: _, ...shown } = useOneRun<TTask>(runId, options);
  return shown;
}

/** {@link useRealtimeRun}, and whether it is being followed. */
export function useOneRun<TTask extends AnyTask>(
  runId: string | undefined,
  options: UseRealtimeSingleRunOptions<TTask>,
): UseRealtimeRunInstance<TTask> & { isActive: boolean } {
  const { stopOnCompletion, skipColumns, onComplete, storedPackets } = options;
  const target = runId ? { runId, stopOnCompletion: stopOnCompletion !== false, skipColumns } : undefined;
  const { shown, stop, isActive } = useRuns(target, options, pickRun);
  const run = shown.run as RealtimeRun<TTask> | undefined;
  useOnComplete(run, shown.error, storedPackets === "on-demand", onComplete);
  return { ...shown, run, isFinished: hasFinished(run), stop, isActive };
}

function pickRun({ runs: [run], ...feed }: RunsSnapshot) {
  return { run, ...feed };
}

function useOnComplete<TTask extends AnyTask>(
  run: RealtimeRun<TTask> | undefined,
  error: Error | undefined,
  isOnDemand: boolean,
  onComplete: ((run: RealtimeRun<TTask>, error?: Error) => void) | undefined,
): void {
  const [told] = useState(() => new Set<string>());
  const latest = useLatest({ error, onComplete });
  const isHeard = !!onComplete;
  useEffect(() => {
    if (!isHeard || !run || !hasFinished(run) || told.has(run.id)) return;
    let isCurrent = true;
    const tell = () => {
      const { error, onComplete } = latest.current;
      if (!isCurrent || !onComplete || told.has(run.id)) return;
      told.add(run.id);
      guard(() => onComplete(run, error));
    };
    // It comes again with what is in the object store; if a download fails, as it is.
    const isComing = (name: "payload" | "output") =>
      !isOnDemand && run[name] === undefined && run.columns[`${name}Type`] === "application/store";
    const loads = [isComing("payload") && run.loadPayload(), isComing("output") && run.loadOutput()].filter(Boolean);
    if (loads.length > 0) Promise.all(loads).then((values) => values.includes(undefined) && tell(), tell);
    else tell();
    return () => {
      isCurrent = false;
    };
  }, [run, isHeard, isOnDemand, told, latest]);
}
