import type { CSSProperties } from "react";
import { useCancel } from "tidegate/react";
import { stopRun } from "./backend";
import { metadataOf, type ProgressRun } from "./progress-task";

interface Props {
  run: ProgressRun;
  percent: number;
  chosen: boolean;
  onChoose: () => void;
}

export function RunRow({ run, percent, chosen, onChoose }: Props) {
  const { progress } = metadataOf(run);
  const cancel = useCancel(run.id, { accessToken: () => stopRun(run.id) });
  const over = run.finishedAt !== undefined;
  const name = run.payload?.name ?? run.id;
  return (
    <li className="run" data-state={stateOf(run)} aria-current={chosen || undefined}>
      <button type="button" className="name" onClick={onChoose}>
        {name}
      </button>
      <span className="count">{progress ? `${progress.done} of ${progress.total}` : ""}</span>
      <div
        className="tide"
        role="progressbar"
        aria-label={name}
        aria-valuenow={percent}
        style={{ "--level": percent / 100 } as CSSProperties}
      />
      <span className="says">{sentenceOf(run)}</span>
      {!over && (
        <button
          type="button"
          className="quiet"
          disabled={cancel.status === "sending" || cancel.status === "accepted"}
          onClick={() => cancel.cancel()}
        >
          {cancel.status === "accepted" ? "Stopping…" : "Cancel"}
        </button>
      )}
      {cancel.error && !over && (
        <p className="problem" role="alert">
          {cancel.error.message}
        </p>
      )}
    </li>
  );
}

const stateOf = (run: ProgressRun) =>
  run.isFailed ? "failed" : run.isCancelled ? "cancelled" : run.isSuccess ? "done" : "under-way";

function sentenceOf(run: ProgressRun): string {
  if (run.isFailed) return run.error?.message ?? "It failed.";
  if (run.isCancelled) return "Cancelled.";
  if (run.isSuccess) return run.output && run.output.done < run.output.total ? "Stopped on request." : "Done.";
  return run.isQueued ? "Waiting for its turn." : (metadataOf(run).label ?? "Starting…");
}
