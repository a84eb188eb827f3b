import type { Core } from "./interface.js";

/** Tells whether the page is seen, and when it may have missed something: it is online or on screen again, or back from the page cache. */
export const watchPage: Core["watchPage"] = (tell) => {
  if (typeof addEventListener !== "function") return;
  addEventListener("online", () => tell((engine) => engine.setOnline(true)));
  addEventListener("offline", () => tell((engine) => engine.setOnline(false)));
  addEventListener("pageshow", () => tell((engine) => engine.wake()));
  // It bubbles from the document; where there is none, as in a worker, it never comes.
  addEventListener("visibilitychange", () => {
    tell((engine) => {
      engine.setVisible(isVisible());
      if (isVisible()) engine.wake();
    });
  });
};

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

/** False only where there is a screen and the page is not on it. */
export function isVisible(): boolean {
  return typeof document === "undefined" || document.visibilityState !== "hidden";
}
