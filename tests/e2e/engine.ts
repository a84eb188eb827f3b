import { test as base } from "@playwright/test";

/** Whether all pages run the core as JavaScript: `ENGINE=js` takes WebAssembly from them. */
export const onTwin = process.env.ENGINE === "js";

/** What the core runs as in a page that says nothing about it. */
export const engine = onTwin ? "js" : "wasm";

export const test = base.extend({
  context: async ({ context }, use) => {
    if (onTwin) await context.addInitScript(() => Reflect.deleteProperty(globalThis, "WebAssembly"));
    await use(context);
  },
});
