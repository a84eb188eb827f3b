/** Tells when the page may have missed something: it is online again, on screen again, or back from the page cache. */
export function watchPage(page: { wake(): void; setOnline(online: boolean): void }): void {
  if (typeof addEventListener !== "function") return;
  addEventListener("online", () => page.setOnline(true));
  addEventListener("offline", () => page.setOnline(false));
  addEventListener("pageshow", () => page.wake());
  // It bubbles from the document; where there is none, as in a worker, it never comes.
  addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") page.wake();
  });
}

/**
 * Whether connections to a server are few: over HTTP/1.1 a browser makes six at a time, for all pages together. Plain `http:` is
 * always that. Otherwise the browser tells of requests that were made, to this page's own server and to those that allow it.
 */
export function hasFewConnections(baseURL: string): boolean {
  if (!("document" in globalThis || "WorkerGlobalScope" in globalThis)) return false;
  const { origin, protocol } = new URL(baseURL);
  const isOld = (entry: PerformanceEntry) =>
    entry.name.startsWith(`${origin}/`) && (entry as PerformanceResourceTiming).nextHopProtocol === "http/1.1";
  return protocol === "http:" || performance.getEntries().some(isOld);
}

/** False only where the host says so: not every host knows. */
export function isOnline(): boolean {
  return typeof navigator === "undefined" || navigator.onLine !== false;
}
