declare const TIDEGATE_VERSION: string | undefined;

/** Of the package; where it has not been built, there is none. */
export const version = typeof TIDEGATE_VERSION === "undefined" ? "source" : TIDEGATE_VERSION;
