import { invalidOptions } from "./errors.js";

/** Where reading begins. Default: at the first part. */
export interface StreamStart {
  /** Number of the first part to read, counted from 0. */
  startIndex?: number | undefined;
  /** Resume position from an earlier `lastEventId`: reading begins after it. Wins over `startIndex`. */
  lastEventId?: string | number | undefined;
  /** `"latest"`: only parts written from now on, if neither of the others says where. On v1 streams, by this device's clock. */
  from?: "start" | "beginning" | "latest" | undefined;
}

/** What {@link startOf} gives for the end of the stream: when that is depends on when it is read. */
export const LATEST = "latest";

/** The position that stands for now: v1 streams number their parts by time, and v2 takes any too high a number for the end. */
export function cursorOf(start: string | undefined): string | undefined {
  return start === LATEST ? `${Date.now()}-0` : start;
}

/** The cursor to begin after, or undefined for the beginning; throws `invalid-options`. */
export function startOf({ startIndex = 0, lastEventId, from }: StreamStart): string | undefined {
  if (lastEventId !== undefined && lastEventId !== "") return String(lastEventId);
  if (!Number.isSafeInteger(startIndex) || startIndex < 0) {
    throw invalidOptions(`startIndex must be a whole number from 0 up, not ${startIndex}.`);
  }
  if (startIndex > 0) return String(startIndex - 1);
  return from === LATEST ? LATEST : undefined;
}
