// Stands in for the build output in a fresh clone, so that types can be checked before the core has been built.
// Where the real declarations exist, they win.
declare module "*/tidegate.js" {
  export interface Host {
    start(core: Core): import("./interface.js").Engine;
  }
  export function createHost(
    sink: import("./interface.js").Sink,
    request?: (url: string, init: never) => Promise<unknown>,
  ): Host;
  export class Core {
    constructor(host: Host);
    call(what: number, id: number, number: number, first: string, second: string, third: string): number;
  }
  export function __wbg_reset_state(): void;
  export function __wbg_get_imports(): WebAssembly.Imports;
  export function __wbg_finalize_init(instance: WebAssembly.Instance, module: unknown): unknown;
  export const Inputs: new () => import("./task-interface.js").InputsMachine;
  export const Metadata: new (
    document: string,
    above: number,
    intervalMs: number,
    seed: number,
  ) => import("./metadata-interface.js").MetadataMachine;
  export function initSync(given: { module: WebAssembly.Module }): unknown;
}

declare module "*/inline.js" {
  /** Base64 of the WebAssembly module, sorted and deflated. */
  export const compressed: string;
}

declare module "*/module.js" {
  /** Base64 of the WebAssembly module. */
  export const module: string;
}

declare module "*/twin.js" {
  /** Makes an instance of the module that it was made from. */
  export function instantiate(imports: WebAssembly.Imports): WebAssembly.Instance;
}
