// The module asks the page for nothing but its own glue: an import from `env` is a C library call that no browser has.
import { readFileSync } from "node:fs";

const module = new WebAssembly.Module(readFileSync("pkg/dist/core.wasm"));
const foreign = WebAssembly.Module.imports(module).filter((entry) => entry.module !== "./tidegate_bg.js");
for (const { module, name } of foreign) console.error(`The core imports ${name} from ${module}, which no browser has.`);
process.exitCode = foreign.length > 0 ? 1 : 0;
