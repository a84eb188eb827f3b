/** The whole core, made from its module into JavaScript. Nothing in it is compiled from text. */
import { assemble } from "./assemble.js";
import { fillIn } from "./bare.js";
import {
  Core as CoreOfModule,
  createHost,
  __wbg_finalize_init as finishStart,
  __wbg_get_imports as importsOfModule,
  __wbg_reset_state as reset,
} from "./generated/core-js/tidegate.js";
import { instantiate } from "./generated/core-js/twin.js";
import type { Core } from "./interface.js";

interface Reading {
  headers: Record<string, string>;
  signal: AbortSignal;
}

/** React Native's own `fetch`, which says what it is, resolves with the whole answer: that of a stream ends when the stream does. */
async function request(url: string, init: Reading) {
  if (!init.headers.accept || !(fetch as { polyfill?: boolean }).polyfill) return fetch(url, init);
  const { xhrFetch } = await import("./xhr-fetch.js");
  return xhrFetch(url, init);
}

export async function startCore(): Promise<Core> {
  await fillIn();
  finishStart(instantiate(importsOfModule()), instantiate);
  return assemble(
    { Core: CoreOfModule, createHost: (sink) => createHost(sink, request), reset },
    { engine: "js", runs: true },
  );
}
