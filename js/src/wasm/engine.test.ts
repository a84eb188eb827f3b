// @vitest-environment jsdom
import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import type { Core } from "./interface.js";

const built = existsSync(`${import.meta.dirname}/generated/core/tidegate.js`);

const modules = {
  core: { start: () => startPacked(import("./core.js"), import("./packed.js")), engine: "wasm", runs: false },
  "core-runs": {
    start: () => startPacked(import("./core-runs.js"), import("./packed-runs.js")),
    engine: "wasm",
    runs: true,
  },
  "core-js": { start: async () => (await import("./core-js.js")).startCore(), engine: "js", runs: true },
};

async function startPacked(
  glue: Promise<{ startCore(compressed: string): Promise<Core> }>,
  module: Promise<{ compressed: string }>,
) {
  const [{ startCore }, { compressed }] = await Promise.all([glue, module]);
  return startCore(compressed);
}

// The tests of applications run in it, and it has no Blob.stream.
it.skipIf(!built).each(Object.entries(modules))("starts %s in jsdom", async (_, { start, ...what }) => {
  const core = await start();
  expect(core).toMatchObject({ createEngine: expect.any(Function), ...what });
  const sink = { event() {}, parts() {}, rows() {}, crashed() {} };
  for (let instance = 0; instance < 3; instance += 1) {
    const engine = core.createEngine(sink);
    expect(engine.openPrincipal("https://api.example.com", undefined, false, false)).toBe(1);
  }
});
