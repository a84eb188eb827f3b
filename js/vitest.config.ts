import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const path = (from: string) => fileURLToPath(new URL(from, import.meta.url));

/** `ENGINE=js` runs every suite on the core as JavaScript. */
const onTwin = process.env.ENGINE === "js";
const twin = { setupFiles: ["./src/testing/as-javascript.ts"], env: { TIDEGATE_ENGINE: "js" } };

const hooks = {
  environment: "jsdom",
  ...(onTwin && { setupFiles: twin.setupFiles }),
  include: ["src/**/*.test.tsx"],
  server: { deps: { inline: ["@testing-library/react"] } },
};

/** Its module build, through which an alias of react reaches it. */
const testingLibrary = path("../node_modules/@testing-library/react/dist/@testing-library/react.esm.js");

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "client",
          environment: "node",
          ...(onTwin && twin),
          include: ["src/**/*.test.ts"],
          typecheck: { enabled: true, include: ["src/**/*.test-d.ts"], tsconfig: "./tsconfig.json" },
        },
      },
      // Everything that has a real core under it, once more.
      ...(onTwin
        ? []
        : [
            {
              test: {
                ...twin,
                name: "client on JavaScript",
                environment: "node",
                include: ["src/integration*.test.ts"],
              },
            },
          ]),
      { test: { ...hooks, name: "react 19", env: { REACT_MAJOR: "19" } } },
      {
        test: { ...hooks, name: "react 18", env: { REACT_MAJOR: "18" } },
        resolve: {
          alias: {
            react: path("../tests/react-18/node_modules/react"),
            "react-dom": path("../tests/react-18/node_modules/react-dom"),
            "@testing-library/react": testingLibrary,
          },
        },
      },
    ],
  },
});
