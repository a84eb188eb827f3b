const PREFIX = "tidegate-outbox:";

/** Whether one tab can know what another does. Not on a page served over plain HTTP. */
export function hasLocks(): boolean {
  return typeof navigator !== "undefined" && navigator.locks !== undefined;
}

/** Resolves with what gives the lock back; rejects when the signal comes first. A page that is gone has given back all. */
export function lock(id: string, signal?: AbortSignal): Promise<() => void> {
  if (!hasLocks()) return Promise.resolve(() => {});
  return new Promise((granted, refused) => {
    const held = () => new Promise<void>((release) => granted(release));
    navigator.locks.request(PREFIX + id, signal ? { signal } : {}, held).catch(refused);
  });
}

/** Ids whose locks are held by any tab. */
export async function lockedIds(): Promise<Set<string>> {
  const { held = [] } = hasLocks() ? await navigator.locks.query() : {};
  return new Set(held.map(({ name = "" }) => name.slice(PREFIX.length)));
}
