import { resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

export default {
  distDir: `.next-${process.env.BUNDLER}`, // a folder for each of the two
  outputFileTracingRoot: root,
  turbopack: { root },
};
