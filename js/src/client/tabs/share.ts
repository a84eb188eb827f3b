import type { Core } from "../../wasm/interface.js";
import type { Principal, StreamRequest } from "../entries.js";
import type { TidegateError } from "../errors.js";
import type { EventPump } from "../event-pump.js";
import type { expiryOf, identityOf } from "../token-source.js";
import { SharedStream } from "./shared-stream.js";

/** What the page lends to this code: it is a chunk of its own, and imports nothing of it. */
export interface PageParts {
  readonly core: Pick<Core, "askToken">;
  readonly TidegateError: typeof TidegateError;
  readonly identityOf: typeof identityOf;
  readonly expiryOf: typeof expiryOf;
}

/** Reads a stream together with the other tabs of this origin, or by itself where they cannot find each other. */
export function share(pump: EventPump, request: StreamRequest, page: PageParts): () => void {
  const { listener, lastEventId } = request;
  const locks: LockManager | undefined = globalThis.navigator?.locks;
  if (!locks || typeof BroadcastChannel === "undefined" || typeof addEventListener !== "function") {
    return pump.subscribe(request);
  }
  const stream = new SharedStream({
    lastEventId,
    listener,
    subscribe: (lastEventId, listener) => pump.subscribe({ ...request, lastEventId, listener }),
    name: () => nameOf(request, page),
    Failure: page.TidegateError,
    locks,
    openChannel: (name) => new BroadcastChannel(name),
    page: globalThis,
  });
  return () => stream.close();
}

/**
 * What tabs must have in common to read together: server, branch, run, stream, beginning, and the subject and scopes of tokens that
 * have not expired, which is all that the server looks at to let somebody read. So nobody hears what its own token would not
 * have let it read, and no token has to travel. A token without claims says nothing, and is not shared.
 */
export async function nameOf({ principal, runId, key, lastEventId }: StreamRequest, page: PageParts) {
  const { baseURL, branch } = principal.endpoint;
  const lifeOf = (token: string) => (page.expiryOf(token) || Number.POSITIVE_INFINITY) * 1000;
  let { token } = principal;
  if (principal.provide && !(token && lifeOf(token) > Date.now())) token = await ask(principal, page);
  if (!token || lifeOf(token) <= Date.now()) return undefined;
  const identity = page.identityOf(token);
  if (!identity.startsWith("jwt:")) return undefined;
  const name = `tidegate-stream@1:${JSON.stringify([baseURL, branch, identity, runId, key, lastEventId])}`;
  return { name, untilMs: lifeOf(token) };
}

const questions = new WeakMap<Principal, Promise<string>>();

/** Asks once for all streams that want to know, and leaves the answer to the connection. */
function ask(principal: Principal, { core }: PageParts): Promise<string> {
  const answer = async () => {
    const token = await core.askToken(principal.provide);
    // One that is open already asks by itself, when it needs to.
    if (principal.ids.size === 0) principal.token = token;
    return token;
  };
  const asked = questions.get(principal) ?? answer().finally(() => questions.delete(principal));
  questions.set(principal, asked);
  return asked;
}
