/** The only importer of generated code: from the inlined bytes to a running core. */
import { compressed } from "./generated/inline.js";
import init, { Engine as GeneratedEngine, __wbg_reset_state as resetInstance } from "./generated/tidegate.js";
import type { Engine, Sink } from "./interface.js";

/**
 * Compiles the module (asynchronously: browsers refuse large synchronous compiles), links the first instance and returns
 * the maker of engines. Each engine after the first gets a fresh instance, since a panic leaves the old one undefined.
 */
export async function instantiate(): Promise<(sink: Sink) => Engine> {
  const bytes = Uint8Array.from(atob(compressed), (character) => character.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const module = await WebAssembly.compile(await new Response(inflated).arrayBuffer());
  await init({ module_or_path: module });
  let used = false;
  return (sink) => {
    if (used) resetInstance();
    used = true;
    return new GeneratedEngine(sink);
  };
}
