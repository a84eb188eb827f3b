// @vitest-environment jsdom
import { existsSync } from "node:fs";
import { expect, it } from "vitest";

const built = existsSync(`${import.meta.dirname}/generated/core/tidegate.js`);

// The tests of applications run in it, and it has no Blob.stream.
it.skipIf(!built)("starts the core in jsdom", async () => {
  const { instantiate } = await import("./engine.js");
  expect(await instantiate()).toBeTypeOf("function");
});
