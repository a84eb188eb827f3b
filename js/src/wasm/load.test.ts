import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Core } from "./interface.js";

const starts = { core: vi.fn(), runs: vi.fn(), js: vi.fn() };
const cores = {
  core: { engine: "wasm", runs: false },
  runs: { engine: "wasm", runs: true },
  js: { engine: "js", runs: true },
};

beforeEach(() => {
  vi.resetModules();
  for (const name of ["core", "runs", "js"] as const) {
    starts[name].mockReset().mockResolvedValue(cores[name]);
    const file = name === "core" ? "./core.js" : `./core-${name}.js`;
    vi.doMock(file, () => ({ startCore: starts[name] }));
  }
  for (const file of ["./packed.js", "./packed-runs.js"]) vi.doMock(file, () => ({ compressed: "" }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const open = () => import("./load.js");
const started = () => Object.entries(starts).flatMap(([name, { mock }]) => mock.calls.map(() => name));

it("loads once for all callers, and not before the first", async () => {
  const { loadCore } = await open();
  expect(started()).toEqual([]);
  expect(await Promise.all([loadCore(), loadCore()])).toEqual([cores.core, cores.core]);
  expect(started()).toEqual(["core"]);
});

it("loads the larger one alone where that is wanted in the same turn, or is known beforehand", async () => {
  const { loadCore } = await open();
  expect(await Promise.all([loadCore(), loadCore(true)])).toEqual([cores.runs, cores.runs]);
  vi.resetModules();
  const second = await open();
  expect(second.withRuns("a hook")).toBe("a hook");
  expect(await second.loadCore()).toBe(cores.runs);
  expect(started()).toEqual(["runs", "runs"]);
});

it("loads the larger one when it is wanted later, and keeps to it", async () => {
  const { loadCore } = await open();
  await loadCore();
  expect(await loadCore(true)).toBe(cores.runs);
  expect(await loadCore()).toBe(cores.runs);
  expect(started()).toEqual(["core", "runs"]);
});

it.each([
  "Refused to compile or instantiate WebAssembly module because 'unsafe-eval' is not an allowed source of script",
  "call to WebAssembly.compile() blocked by CSP",
])("takes JavaScript where a policy refuses, after one try at the smallest module: %s", async (message) => {
  const compile = vi.fn(
    class {
      constructor() {
        throw new WebAssembly.CompileError(message);
      }
    },
  );
  vi.stubGlobal("WebAssembly", { ...WebAssembly, Module: compile });
  const { loadCore } = await open();
  expect(await loadCore()).toBe(cores.js);
  expect(await loadCore(true)).toBe(cores.js);
  expect(compile).toHaveBeenCalledTimes(1);
  expect(started()).toEqual(["js"]);
});

it("takes JavaScript where WebAssembly is switched off", async () => {
  vi.stubGlobal("WebAssembly", undefined);
  const { loadCore } = await open();
  expect(await loadCore()).toBe(cores.js);
  expect(started()).toEqual(["js"]);
});

it("takes JavaScript for good where the module does not start, as in a browser that cannot inflate it", async () => {
  starts.core.mockRejectedValue(new ReferenceError("DecompressionStream is not defined"));
  const { loadCore } = await open();
  expect(await loadCore()).toBe(cores.js);
  expect(await loadCore(true)).toBe(cores.js);
  expect(started()).toEqual(["core", "js"]);
});

it("makes no try at WebAssembly where the page says so", async () => {
  const compile = vi.fn();
  vi.stubGlobal("WebAssembly", { ...WebAssembly, Module: compile });
  const { loadCore, avoidWebAssembly } = await open();
  avoidWebAssembly();
  expect(await loadCore()).toBe(cores.js);
  expect(compile).not.toHaveBeenCalled();
});

it("takes the core that is provided, which may be compiled where the page may not compile", async () => {
  vi.stubGlobal("WebAssembly", { ...WebAssembly, Module: vi.fn(() => expect.unreachable()) });
  const { loadCore, provide } = await open();
  provide(async () => cores.runs as unknown as Core);
  expect(await loadCore()).toBe(cores.runs);
  expect(await loadCore(true)).toBe(cores.runs);
  expect(started()).toEqual([]);
});

it("takes JavaScript where the provided core is refused, and asks again where it could not be fetched", async () => {
  const { loadCore, provide } = await open();
  const lost = new TypeError("Failed to fetch");
  const answers = [() => Promise.reject(lost), () => Promise.reject(new WebAssembly.CompileError("blocked by CSP"))];
  provide(() => answers.shift()?.() ?? expect.unreachable());
  await expect(loadCore()).rejects.toBe(lost);
  expect(await loadCore()).toBe(cores.js);
  expect(await loadCore()).toBe(cores.js);
});

it("tries again after a failure to fetch", async () => {
  const cause = new TypeError("Failed to fetch dynamically imported module");
  vi.stubGlobal("WebAssembly", undefined);
  starts.js.mockRejectedValueOnce(cause);
  const { loadCore } = await open();
  await expect(loadCore()).rejects.toBe(cause);
  expect(await loadCore()).toBe(cores.js);
});
