/** The whole core, made from its module into JavaScript. Nothing in it is compiled from text. */
import { assemble } from "./assemble.js";
import {
  Core as CoreOfModule,
  __wbg_finalize_init as finishStart,
  Host,
  __wbg_get_imports as importsOfModule,
  __wbg_reset_state as reset,
} from "./generated/core-js/tidegate.js";
import { instantiate } from "./generated/core-js/twin.js";
import type { Core } from "./interface.js";

export async function startCore(): Promise<Core> {
  finishStart(instantiate(importsOfModule()), instantiate);
  return assemble({ Core: CoreOfModule, Host, reset }, { engine: "js", runs: true });
}
