import { debugPage } from "../client/debug-page.js";
import type { DebugDump } from "../client/insight/dump.js";
import type { Listen } from "../client/insight/events.js";
import { listen, listenChecked } from "../client/watch.js";

/** The events of all hooks and clients of this page. */
export const on: Listen = listenChecked;

/**
 * How everything on this page stands, without tokens and payloads: as JSON, what to put into a report of a problem. Rejects with a
 * TidegateError `engine-unavailable` where the code for it cannot be loaded.
 */
export const debug: () => Promise<DebugDump> = debugPage;

/**
 * Writes what all hooks and clients of this page do into its performance timeline from now on, as `Client.measure` does for one client.
 *
 * @returns A function that ends it.
 */
export function measure(): () => void {
  return listen("*");
}
