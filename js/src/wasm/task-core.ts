/** The only importer of what is generated for tasks: the machines of a run. */
import { module } from "./generated/task/module.js";
import { Inputs, initSync, Metadata } from "./generated/task/tidegate.js";
import type { MetadataMachine } from "./metadata-interface.js";
import type { InputsMachine } from "./task-interface.js";

let started = false;

/** Starts the module with the first machine. It is small, and a task does not have to wait for it. */
function start(): void {
  if (started) return;
  const bytes = Uint8Array.from(atob(module), (character) => character.charCodeAt(0));
  initSync({ module: new WebAssembly.Module(bytes) });
  started = true;
}

/** The input streams of one run. */
export function createInputs(): InputsMachine {
  start();
  return new Inputs();
}

/**
 * The metadata of one run. `document` is empty where it is not known; `above` is how many runs there are above this one: 0, 1, or 2 for
 * two and more; `seed` makes its keys and its pauses its own.
 */
export function createMetadata(document: string, above: number, intervalMs: number, seed: number): MetadataMachine {
  start();
  return new Metadata(document, above, intervalMs, seed);
}
