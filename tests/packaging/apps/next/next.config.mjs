import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

export default {
  distDir: `.next-${process.env.BUNDLER}`, // a folder for each of the two
  // With webpack this version of Next does not build the app router's routes at the edge, not even empty ones.
  pageExtensions: ["js", `${process.env.BUNDLER}.js`],
  outputFileTracingRoot: root,
  turbopack: { root },
};
