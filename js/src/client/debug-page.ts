import { unavailable } from "./engine-failure.js";
import type { EventPump } from "./event-pump.js";
import type { DebugDump } from "./insight/dump.js";
import { loadInsight } from "./watch.js";

/** How everything on this page stands. Rejects with a TidegateError where the code for it cannot be loaded. */
export async function debugPage(pump?: EventPump): Promise<DebugDump> {
  const { dump } = await loadInsight().catch((cause) => {
    throw unavailable(cause);
  });
  return dump(pump);
}
