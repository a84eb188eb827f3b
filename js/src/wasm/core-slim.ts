/** The whole core without its module, for those who bring that along. */
import { assemble } from "./assemble.js";
import {
  Core as CoreOfModule,
  createHost,
  __wbg_finalize_init as finishStart,
  __wbg_get_imports as importsOfModule,
  __wbg_reset_state as reset,
} from "./generated/core-runs/tidegate.js";
import type { Core } from "./interface.js";

/** What a module can be given as. */
export type CoreSource = WebAssembly.Module | BufferSource | Response | URL | string;

export async function startCore(given: CoreSource): Promise<Core> {
  const source = typeof given === "string" || given instanceof URL ? await fetch(given) : given;
  const imports = importsOfModule();
  if (source instanceof WebAssembly.Module) finishStart(await WebAssembly.instantiate(source, imports), source);
  else {
    const { instance, module } = await compile(source, imports);
    finishStart(instance, module);
  }
  return assemble({ Core: CoreOfModule, createHost, reset }, { engine: "wasm", runs: true });
}

async function compile(source: BufferSource | Response, imports: WebAssembly.Imports) {
  if (!(source instanceof Response)) return WebAssembly.instantiate(source, imports);
  if (!source.ok) throw new Error(`The core's module was answered with HTTP ${source.status}.`);
  // While it comes in, where the server says what it is.
  if (source.headers.get("content-type")?.startsWith("application/wasm"))
    return WebAssembly.instantiateStreaming(source, imports);
  return WebAssembly.instantiate(await source.arrayBuffer(), imports);
}
