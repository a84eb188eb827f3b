const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when the signal comes; returns what takes it back. A signal has one listener, however many wait for it: Node takes more
 * than ten for a leak, and says so.
 */
export function onAbort(signal: AbortSignal | undefined, call: () => void): () => void {
  if (!signal) return () => {};
  let calls = waiting.get(signal);
  if (!calls) {
    const made = new Set<() => void>();
    signal.addEventListener("abort", () => {
      for (const each of made) each();
    });
    waiting.set(signal, made);
    calls = made;
  }
  const all = calls;
  // Given twice, it is called twice.
  const one = () => call();
  all.add(one);
  return () => void all.delete(one);
}
