import { avoidWebAssembly } from "../wasm/load.js";

// For the suites that run on the core as JavaScript, too: each of their files has a page of its own.
avoidWebAssembly();
