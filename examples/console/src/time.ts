import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => {
    for (const listener of listeners) listener();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

const never = () => () => {};

/** A text about the time that has passed, which renders again only when it reads otherwise. All of a page share one clock. */
export function usePassed(from: Date | undefined, until?: Date): string {
  const read = () => (from ? duration((until ?? new Date()).getTime() - from.getTime(), until !== undefined) : "");
  return useSyncExternalStore(from && !until ? subscribe : never, read);
}

/** In the two largest units; below a minute with a tenth of a second where it is exact. */
export function duration(ms: number, isExact = false): string {
  const seconds = Math.max(0, ms / 1000);
  if (isExact && seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${isExact ? seconds.toFixed(1) : Math.floor(seconds)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** How long ago, in one unit. */
export function useAge(from: Date): string {
  return useSyncExternalStore(subscribe, () => age(Date.now() - from.getTime()));
}

function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const timeOf = (date: Date) => clock.format(date);
export const dateOf = (date: Date) => calendar.format(date);
