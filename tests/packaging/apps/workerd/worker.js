import { handle } from "../edge.js";

export const worker = { fetch: () => handle() };
