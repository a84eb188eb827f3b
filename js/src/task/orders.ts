/** What the server tells a worker. Orders are told again until a poll says that they have come. */
export type Order = { readonly seq: number } & (
  | ({ readonly kind: "start" } & Start)
  | { readonly kind: "resume"; readonly run: string; readonly execution: number; readonly wait: WaitEnd }
  | { readonly kind: "cancel"; readonly run: string; readonly execution: number }
);

/** A run to be executed from the top. */
export interface Start {
  readonly run: {
    readonly id: string;
    readonly task: string;
    readonly tags: string[];
    readonly isTest: boolean;
    readonly parentId?: string;
    readonly rootId?: string;
    readonly createdAt: string;
    readonly startedAt?: string;
    /** In seconds. */
    readonly maxDuration?: number;
  };
  readonly attempt: number;
  /** Which execution of the run it is: what is said of an earlier one does not count. */
  readonly execution: number;
  readonly payload?: string;
  readonly payloadType: string;
  /** The run's metadata, as JSON text. */
  readonly metadata?: string;
  /** How the waits of earlier executions ended, in order. */
  readonly waits: WaitEnd[];
}

/** How a wait has ended. */
export interface WaitEnd {
  readonly waitpoint: string;
  /** The input stream that was waited for; none: a wait token. */
  readonly streamId?: string;
  readonly seqNum?: number;
  /** Whether it was completed: otherwise its time was out. */
  readonly ok: boolean;
  readonly output?: string;
  readonly outputType: string;
}
