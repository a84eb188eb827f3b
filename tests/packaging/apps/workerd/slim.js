import module from "tidegate/core.wasm";
import { provideCore } from "tidegate/slim";

provideCore(module);

export { worker as default } from "./worker.js";
