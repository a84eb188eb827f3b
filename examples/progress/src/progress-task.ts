import type { RealtimeRun } from "tidegate/react";

/** The task `progress` as a page needs to know it: what goes in, what comes out. */
export interface ProgressTask {
  id: "progress";
  trigger: (payload: Payload) => unknown;
  triggerAndWait: (payload: Payload) => { unwrap(): Promise<Output> };
}

interface Payload {
  name: string;
  steps: number;
}

interface Output {
  done: number;
  total: number;
}

/** What the task says about itself while it runs. */
interface Metadata {
  progress?: { done: number; total: number };
  label?: string;
  logs?: string[];
}

export type ProgressRun = RealtimeRun<ProgressTask>;

export const metadataOf = (run: ProgressRun) => (run.metadata ?? {}) as Metadata;

export function percentOf(run: ProgressRun): number {
  const { done = 0, total = 1 } = metadataOf(run).progress ?? {};
  return run.isSuccess ? 100 : Math.round((100 * done) / Math.max(total, 1));
}
