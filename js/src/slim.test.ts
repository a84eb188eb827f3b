import { expect, test } from "vitest";
import { provideCore } from "./slim.js";

test.each([undefined, null, ""])("%s is no core", (nothing) => {
  const refused = { name: "TidegateError", code: "invalid-options", message: expect.stringContaining("core.wasm") };
  expect(() => provideCore(nothing as never)).toThrow(expect.objectContaining(refused));
});
