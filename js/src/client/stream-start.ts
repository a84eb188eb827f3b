import { invalidOptions } from "./errors.js";

/** Where reading begins. Default: at the first part. */
export interface StreamStart {
  /** Number of the first part to read, counted from 0. */
  startIndex?: number | undefined;
  /** Resume position from an earlier `lastEventId`: reading begins after it. Wins over `startIndex`. */
  lastEventId?: string | undefined;
}

/** The cursor to begin after, or undefined for the beginning; throws `invalid-options`. */
export function startOf({ startIndex = 0, lastEventId }: StreamStart): string | undefined {
  if (lastEventId !== undefined) return String(lastEventId);
  if (!Number.isSafeInteger(startIndex) || startIndex < 0) {
    throw invalidOptions(`startIndex must be a whole number from 0 up, not ${startIndex}.`);
  }
  return startIndex > 0 ? String(startIndex - 1) : undefined;
}
