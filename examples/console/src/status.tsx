import type { RunStatus } from "tidegate/react";

const words: Record<RunStatus, string> = {
  PENDING_VERSION: "Waiting for a version",
  QUEUED: "Queued",
  DELAYED: "Delayed",
  DEQUEUED: "Starting",
  EXECUTING: "Executing",
  WAITING: "Waiting",
  COMPLETED: "Completed",
  CANCELED: "Cancelled",
  FAILED: "Failed",
  CRASHED: "Crashed",
  SYSTEM_FAILURE: "System failure",
  EXPIRED: "Expired",
  TIMED_OUT: "Timed out",
};

/** Statuses that are one to whoever looks for a run. */
export const groups = {
  queued: { word: "Queued", statuses: ["PENDING_VERSION", "QUEUED", "DELAYED"] },
  active: { word: "Under way", statuses: ["DEQUEUED", "EXECUTING", "WAITING"] },
  completed: { word: "Completed", statuses: ["COMPLETED"] },
  failed: { word: "Failed", statuses: ["FAILED", "CRASHED", "SYSTEM_FAILURE", "EXPIRED", "TIMED_OUT"] },
  cancelled: { word: "Cancelled", statuses: ["CANCELED"] },
} as const satisfies Record<string, { word: string; statuses: RunStatus[] }>;

export type Group = keyof typeof groups;

const groupOfStatus = Object.fromEntries(
  Object.entries(groups).flatMap(([group, { statuses }]) => statuses.map((status) => [status, group])),
) as Record<RunStatus, Group>;

export const groupOf = (status: RunStatus): Group => groupOfStatus[status] ?? "queued";
export const wordOf = (status: RunStatus) => words[status] ?? status;

export function Status({ status }: { status: RunStatus }) {
  return (
    <span className="status" data-group={groupOf(status)}>
      {wordOf(status)}
    </span>
  );
}
