/** Everything that loads late, as one chunk. */
import { askToken } from "./ask-token.js";
import { crashed, describe, warn } from "./describe.js";
import { instantiate } from "./engine.js";
import type { Core } from "./interface.js";
import { hasFewConnections, isOnline, isVisible, watchPage } from "./page-events.js";

export async function startCore(): Promise<Core> {
  return {
    createEngine: await instantiate(),
    describe,
    crashed,
    warn,
    askToken,
    watchPage,
    isOnline,
    isVisible,
    hasFewConnections,
  };
}
