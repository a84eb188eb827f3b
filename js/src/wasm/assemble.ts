import { askToken } from "./ask-token.js";
import { crashed, describe, warn } from "./describe.js";
import type { Core, Engine, Sink } from "./interface.js";
import { hasFewConnections, isOnline, isVisible, watchPage } from "./page-events.js";

/** The generated glue between a module and the page, once an instance has been linked to it. */
export interface Glue<C> {
  Core: new (host: never) => C;
  createHost(sink: Sink): { start(core: C): Engine };
  /** Links a fresh instance of the same module. */
  reset(): void;
}

/** Everything that loads late. Each engine after the first gets a fresh instance, since a panic leaves the old one undefined. */
export function assemble<C>({ Core, createHost, reset }: Glue<C>, kind: Pick<Core, "engine" | "runs">): Core {
  let latest: Engine | undefined;
  const createEngine = (sink: Sink) => {
    if (latest) {
      latest.free(); // what is under way would call the new instance
      reset();
    }
    const host = createHost(sink);
    latest = host.start(new Core(host as never));
    return latest;
  };
  return {
    ...kind,
    createEngine,
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
