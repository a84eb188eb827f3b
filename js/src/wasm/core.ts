/** Everything that loads late, as one chunk. */
import { describe } from "./describe.js";
import { instantiate } from "./engine.js";
import type { Core } from "./interface.js";

export async function startCore(): Promise<Core> {
  return { createEngine: await instantiate(), describe };
}
