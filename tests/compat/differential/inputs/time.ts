import { vi } from "vitest";

const MOST_TIMERS = 1_000;
/** More than anything here was seen to take. */
const TURNS = 8;

/** From now on time is the program's. What the packages roll dice for is in the middle. */
export function takeTime(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
}

/** Until nothing is left to do before time goes on: promises are all that moves here. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets that much time pass, in steps. */
export async function pass(ms: number, stepMs = 10): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    vi.advanceTimersByTime(Math.min(stepMs, left));
    await settle();
  }
}

/** Lets time pass until then, from timer to timer. */
export async function until(what: string, isReached: () => boolean): Promise<void> {
  for (let timers = 0; !isReached(); timers += 1) {
    if (timers === MOST_TIMERS || vi.getTimerCount() === 0) throw new Error(`In vain: ${what}`);
    vi.advanceTimersToNextTimer();
    await settle();
  }
}
