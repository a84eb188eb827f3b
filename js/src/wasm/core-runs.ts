/** The core that follows runs and calls, too. */
import { assemble } from "./assemble.js";
import {
  Core as CoreOfModule,
  createHost,
  __wbg_finalize_init as finishStart,
  __wbg_get_imports as importsOfModule,
  __wbg_reset_state as reset,
} from "./generated/core-runs/tidegate.js";
import { instantiate } from "./instantiate.js";
import type { Core } from "./interface.js";

export async function startCore(compressed: string): Promise<Core> {
  const { instance, module } = await instantiate(compressed, importsOfModule());
  finishStart(instance, module);
  return assemble({ Core: CoreOfModule, createHost, reset }, { engine: "wasm", runs: true });
}
