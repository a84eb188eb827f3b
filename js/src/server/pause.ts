import { onAbort } from "./on-abort.js";

/** The longest delay that setTimeout takes: a longer one would end at once. */
const LONGEST_MS = 2 ** 31 - 1;
const FIRST_PAUSE_MS = 250;

/** Calls back after that time; returns what takes it back. */
export function after(ms: number, call: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const arm = (left: number) => {
    const step = Math.min(left, LONGEST_MS);
    timer = setTimeout(() => (left > step ? arm(left - step) : call()), step);
  };
  arm(ms);
  return () => clearTimeout(timer);
}

/** Until the time has passed, or the signal comes. */
export function pause(ms: number, signal?: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      forget();
      resolve();
    };
    const cancel = after(ms, end);
    const forget = onAbort(signal, end);
    if (signal?.aborted) end();
  });
}

/** Grows from one failure in a row to the next, up to a limit. */
export function backoffMs(failures: number, longestMs: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10), longestMs) * (0.5 + Math.random() / 2);
}
