import type { Core, EngineKind } from "./interface.js";

export type { Core };

/** A module that compiles where the core does: one operation on sixteen bytes at once. */
const PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/** Whether this host may compile: those that never do have a build of their own, without a module. */
declare const TIDEGATE_COMPILES: boolean | undefined;

interface Loading {
  /** Whether it follows runs and calls, once that has been decided. */
  runs?: boolean;
  core?: Promise<Core>;
}

let engine: EngineKind | undefined;
let wantsRuns = false;
let newest: Loading = { runs: false };
let provided: (() => Promise<Core>) | undefined;

/** Takes the whole core from there, as WebAssembly, unless one has been asked for. */
export function provide(startCore: () => Promise<Core>): void {
  if (!newest.core) provided = startCore;
}

/** Marks what follows runs or calls: a page that has it loads the core for that in the first place. Where it is not used, it is left out. */
export function withRuns<T>(part: T): T {
  wantsRuns = true;
  return part;
}

/**
 * Runs the core of this page as JavaScript, without a try at WebAssembly: for a page whose policy forbids that and has violations
 * reported. Call it before anything is sent or read; later it changes nothing. Elsewhere there is no need for it: where WebAssembly
 * is missing or refused, JavaScript takes its place by itself.
 */
export function avoidWebAssembly(): void {
  engine ??= "js";
}

/**
 * Loads the core once, on first use. `runs`: one that follows runs and calls, which may be the second then. A failure is not kept: the
 * next call tries again.
 */
export function loadCore(runs = false): Promise<Core> {
  wantsRuns ||= runs;
  if (!newest.core || (wantsRuns && newest.runs === false)) {
    const own: Loading = {};
    newest = own;
    own.core = start(own).catch((cause) => {
      own.core = undefined;
      throw cause;
    });
  }
  return newest.core as Promise<Core>;
}

/** A core of its own, in an instance of its own, for a host that is no page: it tells of nothing, and does not count connections. */
export async function loadOwnCore(): Promise<Core> {
  return { ...(await start({})), watchPage() {}, hasFewConnections: () => false };
}

async function start(own: Loading): Promise<Core> {
  // What a page needs first it often asks for in one turn.
  await undefined;
  own.runs = wantsRuns || !!provided;
  if (engine !== "js") {
    // What is provided may be compiled already.
    const given = globalThis.WebAssembly && provided;
    const startCore =
      given ?? ((typeof TIDEGATE_COMPILES === "undefined" || TIDEGATE_COMPILES) && canCompile() && (await fetchCore()));
    try {
      const core = startCore && (await startCore());
      if (core) {
        engine = "wasm";
        return core;
      }
    } catch (cause) {
      if (engine === "wasm" || (given && !(cause instanceof WebAssembly.CompileError))) throw cause;
    }
  }
  // For good: a further attempt at what is refused would only file another report.
  engine = "js";
  own.runs = true;
  return (await import("./core-js.js")).startCore();
}

/** The core that this page needs, and its module. */
async function fetchCore(): Promise<() => Promise<Core>> {
  const [{ startCore }, { compressed }] = await Promise.all(
    wantsRuns ? [import("./core-runs.js"), import("./packed-runs.js")] : [import("./core.js"), import("./packed.js")],
  );
  return () => startCore(compressed);
}

function canCompile(): boolean {
  try {
    return !!new WebAssembly.Module(Uint8Array.from(PROBE));
  } catch {
    return false;
  }
}
