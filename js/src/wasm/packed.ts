/**
 * The module of core.ts, as a file of its own: in one file with the glue, both are 1.2 kB more to send. Servers compress text in long
 * stretches, each of them with one table for all that is in it.
 */
export { compressed } from "./generated/core/inline.js";
