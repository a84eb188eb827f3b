const PAGE = Symbol.for("tidegate.page@3");

/**
 * The page's one instance of something, even where a bundler has put two copies of this package on the page. The key
 * carries a version: copies whose internals differ must not share.
 */
export function onePerPage<T>(name: string, create: () => T): T {
  const holder = globalThis as { [PAGE]?: Map<string, unknown> };
  holder[PAGE] ??= new Map();
  if (!holder[PAGE].has(name)) holder[PAGE].set(name, create());
  return holder[PAGE].get(name) as T;
}

/** The same, where something has made it. */
export function peekPage<T>(name: string): T | undefined {
  return (globalThis as { [PAGE]?: Map<string, unknown> })[PAGE]?.get(name) as T | undefined;
}
