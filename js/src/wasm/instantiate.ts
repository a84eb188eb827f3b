import { unsort } from "./unsort.js";

/** Compiles and links a module that was inlined: asynchronously, since browsers refuse large synchronous compiles. */
export async function instantiate(compressed: string, imports: WebAssembly.Imports) {
  const text = atob(compressed);
  const bytes = new Uint8Array(text.length);
  // A loop: `Uint8Array.from` with a function cost every page 8 ms more.
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  const inflated = (new Response(bytes).body as ReadableStream).pipeThrough(new DecompressionStream("deflate-raw"));
  return WebAssembly.instantiate(unsort(await new Response(inflated).arrayBuffer()), imports);
}
