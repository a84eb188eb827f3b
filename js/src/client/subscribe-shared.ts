import { loadCore } from "../wasm/load.js";
import type { StreamRequest } from "./entries.js";
import { TidegateError } from "./errors.js";
import type { EventPump } from "./event-pump.js";
import { expiryOf, identityOf } from "./token-source.js";

/** {@link EventPump.subscribe}, through one connection for all tabs of this origin that read the same. */
export function subscribeShared(pump: EventPump, request: StreamRequest): () => void {
  const opening = Promise.all([import("./tabs/share.js"), loadCore()]).then(
    ([{ share }, core]) => share(pump, request, { core, TidegateError, identityOf, expiryOf }),
    () => pump.subscribe(request),
  );
  return () => opening.then((close) => close());
}
