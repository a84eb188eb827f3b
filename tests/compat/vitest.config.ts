import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import Report from "./report.js";

const path = (from: string) => fileURLToPath(new URL(from, import.meta.url));

/** React is there once, as in an application, though our package could find another one. */
const react = ["react", "react-dom"].map((name) => ({
  find: new RegExp(`^${name}(?=/|$)`),
  replacement: path(`node_modules/${name}`),
}));

/** All that an application changes. */
const tidegate = { find: "@trigger.dev/react-hooks", replacement: path("../../pkg/dist/react.js") };

/** A server for each project, since what is to go wrong on it concerns all that it serves. */
const globalSetup = "support/server.ts";

const hooks = (side: "original" | "tidegate") => ({
  resolve: { alias: side === "tidegate" ? [...react, tidegate] : react },
  test: {
    name: side,
    include: ["hooks/*.test.tsx"],
    setupFiles: side === "tidegate" && process.env.ENGINE === "js" ? ["support/as-javascript.mjs"] : [],
    environment: "jsdom",
    globalSetup,
    provide: { side },
    testTimeout: 30_000,
  },
});

export default defineConfig({
  test: {
    reporters: [new Report()],
    // Most of them wait for a server.
    maxWorkers: 4,
    projects: [
      { test: { name: "differential", include: ["differential/*.test.ts"], testTimeout: 60_000 } },
      {
        test: {
          name: "client",
          include: ["client/*.test.ts"],
          testTimeout: 30_000,
          globalSetup,
          provide: { side: "original" },
        },
      },
      hooks("original"),
      hooks("tidegate"),
    ],
  },
});
