import { existsSync, readFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import { unsort } from "./unsort.js";

const built = existsSync(`${import.meta.dirname}/generated/core/inline.js`);

const packed = {
  core: async () => (await import("./packed.js")).compressed,
  "core-runs": async () => (await import("./packed-runs.js")).compressed,
};

it.skipIf(!built).each(Object.entries(packed))("makes the module of %s as it was", async (name, compressed) => {
  const module = readFileSync(`${import.meta.dirname}/generated/${name}/tidegate_bg.wasm`);
  const sorted = inflateRawSync(Buffer.from(await compressed(), "base64"));
  const unsorted = unsort(sorted.buffer.slice(sorted.byteOffset, sorted.byteOffset + sorted.length) as ArrayBuffer);
  expect(Buffer.compare(module, unsorted)).toBe(0);
  expect(WebAssembly.validate(unsorted)).toBe(true);
});
