/**
 * The core's module from where you say: a file of your server that is compiled while it comes in and cached by itself, or a module
 * that your platform has compiled. Without this entry the module comes inside of a script, which needs no set-up.
 *
 * @module tidegate/slim
 */
import { invalidOptions } from "./client/errors.js";
import type { CoreSource } from "./wasm/core-slim.js";
import { provide } from "./wasm/load.js";

export type { CoreSource };

/**
 * Says where the module is, for the whole page and before anything is sent or read; later it changes nothing. It is
 * `tidegate/core.wasm` of the same version, given as an address, a response, bytes or a compiled module, or as a function that
 * is called when it is first needed:
 *
 * ```ts
 * import url from "tidegate/core.wasm?url"; // Vite
 * import { provideCore } from "tidegate/slim";
 *
 * provideCore(url);
 * ```
 *
 * Where the page refuses to compile it, the core runs as JavaScript, as it does without this. Where it cannot be fetched, what needs it
 * fails with `engine-unavailable`, and the next call tries again.
 *
 * Throws a `TidegateError` `invalid-options` for nothing at all, such as an import that a bundler has left empty.
 */
export function provideCore(source: CoreSource | (() => CoreSource | Promise<CoreSource>)): void {
  if (!source)
    throw invalidOptions("provideCore() needs tidegate/core.wasm: its address, a response, bytes or a module.");
  provide(async () => {
    const { startCore } = await import("./wasm/core-slim.js");
    return startCore(typeof source === "function" ? await source() : source);
  });
}
