import { afterEach, beforeEach, expect, it, vi } from "vitest";

const startCore = vi.fn();

beforeEach(() => {
  vi.resetModules();
  startCore.mockReset();
  vi.doMock("./core.js", () => ({ startCore }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const load = async () => (await import("./load.js")).loadCore();

it("loads once for all callers, and not before the first", async () => {
  const core = { createEngine: vi.fn(), describe: vi.fn() };
  startCore.mockResolvedValue(core);
  await import("./load.js");
  expect(startCore).not.toHaveBeenCalled();
  expect(await Promise.all([load(), load()])).toEqual([core, core]);
  expect(startCore).toHaveBeenCalledTimes(1);
});

it.each([
  "Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not an allowed source of script",
  "call to WebAssembly.compile() blocked by CSP",
  "Refused to create a WebAssembly object because 'wasm-unsafe-eval' is not allowed by the Content Security Policy",
])("remembers a refusal by policy: %s", async (message) => {
  startCore.mockRejectedValue(new WebAssembly.CompileError(message));
  await expect(load()).rejects.toMatchObject({ reason: "policy" });
  await expect(load()).rejects.toMatchObject({ reason: "policy" });
  expect(startCore).toHaveBeenCalledTimes(1);
});

it("remembers that WebAssembly is switched off", async () => {
  vi.stubGlobal("WebAssembly", undefined);
  startCore.mockRejectedValue(new ReferenceError("WebAssembly is not defined"));
  await expect(load()).rejects.toMatchObject({ reason: "no-webassembly" });
  await expect(load()).rejects.toMatchObject({ reason: "no-webassembly" });
  expect(startCore).toHaveBeenCalledTimes(1);
});

it("tries again after any other failure, which it keeps as the cause", async () => {
  const cause = new TypeError("Failed to fetch dynamically imported module");
  startCore.mockRejectedValueOnce(cause).mockResolvedValueOnce("core");
  await expect(load()).rejects.toMatchObject({ reason: "other", cause });
  await expect(load()).resolves.toBe("core");
});
