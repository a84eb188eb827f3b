/** What only those load who look: events, performance entries and the dump. */
export { dump } from "./insight/dump.js";
export { observe } from "./insight/observe.js";
