/** The metadata of one run. After each call {@link poll} until it gives 0. Times are milliseconds of `performance.now()`. */
export interface MetadataMachine {
  free(): void;
  /** An operation; `value` is JSON. Gives a problem as JSON where nothing comes of it, else nothing. */
  apply(nowMs: number, target: MetadataTarget, kind: MetadataKind, key: string, value: string): string;
  /** The document as the task sees it, as JSON. */
  document(): string;
  /** One member of it as JSON, or nothing. */
  member(key: string): string;
  /** Writes what is queued. Gives the number that {@link MetadataStep.settled} comes with. */
  flush(nowMs: number): number;
  /** Reads the document again, and gives such a number. */
  refresh(nowMs: number): number;
  /** The answer to the request under way. */
  answered(nowMs: number, status: number, retryAfterMs: number, idempotent: boolean, body: string): void;
  /** There is none, and the request may have left. */
  lost(nowMs: number): void;
  /** What is to be done next, a {@link MetadataStep}. */
  poll(nowMs: number): number;
  number(): number;
  first(): string;
  second(): string;
  /** With nothing to do: when to ask again, or −1. */
  due(): number;
}

export type MetadataKind = "set" | "delete" | "append" | "remove" | "increment" | "update";

/** Whose document. */
export const MetadataTarget = { self: 0, parent: 1, root: 2 } as const;
export type MetadataTarget = (typeof MetadataTarget)[keyof typeof MetadataTarget];

/**
 * What is to be done: nothing; a `PUT` of the body `second` under the key `first`; a `GET`; to tell that `number` has ended, with the
 * problem `first` if there is one; to tell that `number` operations were given up because of `first`: refused (none: they are kept),
 * or possibly carried out.
 */
export const MetadataStep = { idle: 0, write: 1, read: 2, settled: 3, refused: 4, doubtful: 5 } as const;
