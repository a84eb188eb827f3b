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

/** False only where the host says so: not every host knows. */
export function isOnline(): boolean {
  return typeof navigator === "undefined" || navigator.onLine !== false;
}
