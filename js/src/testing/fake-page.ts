import { FakeLoader } from "./fake-engine.js";

/** What `vi.mock` puts in the place of `wasm/load.js`, so that the page's pump runs on a fake engine. */
export const fakePage = {
  loader: new FakeLoader(),
  /** A page on which nothing has happened yet. */
  reset(): void {
    fakePage.loader = new FakeLoader();
    delete (globalThis as Record<symbol, unknown>)[Symbol.for("tidegate.page@3")];
  },
};

export const loadCore = (runs?: boolean) => fakePage.loader.load(runs);
