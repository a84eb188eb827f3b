/** The module of core-runs.ts, as packed.ts is that of core.ts. */
export { compressed } from "./generated/core-runs/inline.js";
