/** The only importer of generated code: from the inlined bytes to a running core. */
import { compressed } from "./generated/core/inline.js";
import {
  __wbg_finalize_init as finishStart,
  Core as GeneratedCore,
  Host,
  __wbg_get_imports as importsOfModule,
  __wbg_reset_state as resetInstance,
} from "./generated/core/tidegate.js";
import type { Engine, Sink } from "./interface.js";

/**
 * Compiles the module (asynchronously: browsers refuse large synchronous compiles), links the first instance and returns
 * the maker of engines. Each engine after the first gets a fresh instance, since a panic leaves the old one undefined.
 */
export async function instantiate(): Promise<(sink: Sink) => Engine> {
  const text = atob(compressed);
  const bytes = new Uint8Array(text.length);
  // A loop: `Uint8Array.from` with a function cost every page 8 ms more.
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  const inflated = (new Response(bytes).body as ReadableStream).pipeThrough(new DecompressionStream("deflate-raw"));
  const source = await new Response(inflated).arrayBuffer();
  const { instance, module } = await WebAssembly.instantiate(source, importsOfModule());
  finishStart(instance, module);
  let latest: Engine | undefined;
  return (sink) => {
    if (latest) {
      latest.free(); // what is under way would call the new instance
      resetInstance();
    }
    const host = new Host(sink);
    latest = host.start(new GeneratedCore(host));
    return latest;
  };
}
