/** What tells whether a run goes on. */
export interface Progress {
  readonly isCompleted: boolean;
  readonly isCancelled: boolean;
  readonly finishedAt?: unknown;
}

/** Whether a run has come to its end, however: `isCompleted` alone leaves out those that were cancelled. */
export function hasFinished(run: Progress | undefined): boolean {
  return !!run && (run.isCompleted || run.isCancelled || !!run.finishedAt);
}
