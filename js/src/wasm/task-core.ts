/** The only importer of what is generated for tasks: the machines of a run. */
import { module } from "./generated/task/module.js";
import { Inputs, initSync } from "./generated/task/tidegate.js";
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
