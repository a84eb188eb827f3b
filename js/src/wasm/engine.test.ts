// @vitest-environment jsdom
import { existsSync } from "node:fs";
import { expect, it } from "vitest";

const built = existsSync(`${import.meta.dirname}/generated/core/tidegate.js`);

const modules = {
  core: { load: () => import("./core.js"), engine: "wasm", runs: false },
  "core-runs": { load: () => import("./core-runs.js"), engine: "wasm", runs: true },
  "core-js": { load: () => import("./core-js.js"), engine: "js", runs: true },
};

// The tests of applications run in it, and it has no Blob.stream.
it.skipIf(!built).each(Object.entries(modules))("starts %s in jsdom", async (_, { load, ...what }) => {
  const { startCore } = await load();
  const core = await startCore();
  expect(core).toMatchObject({ createEngine: expect.any(Function), ...what });
  const sink = { event() {}, parts() {}, rows() {}, crashed() {} };
  for (let instance = 0; instance < 3; instance += 1) {
    const engine = core.createEngine(sink);
    expect(engine.openPrincipal("https://api.example.com", undefined, false, false)).toBe(1);
  }
});
