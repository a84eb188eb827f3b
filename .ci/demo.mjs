// The development server and the example pages on one machine, until Ctrl-C.
//   node .ci/demo.mjs [--check]     --check drives the pages in headless Chromium and ends
import { binary, freePort, root, run, serve, serveApi } from "./processes.mjs";

const examples = ["approval", "progress"];
const checking = process.argv.includes("--check");
const secret = process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate";

// Stopping it is the way to end it, not a failure.
process.prependListener("SIGINT", () => process.exit(0));

const api = await serveApi(await freePort(3030, "the development server"), { TIDEGATE_SECRET_KEY: secret });
const env = { TIDEGATE_URL: api.address, TIDEGATE_SECRET_KEY: secret };

async function start(example, firstPort) {
  if (!(await run("npm", ["run", "--silent", "build", `--workspace=examples/${example}`], env))) process.exit(1);
  const options = ["--host=127.0.0.1", `--port=${await freePort(firstPort, "the page")}`, "--strictPort"];
  return serve(binary("vite"), ["preview", `${root}/examples/${example}`, ...options], env);
}

const pages = new Map();
for (const [index, example] of examples.entries()) pages.set(example, await start(example, 4173 + index));
for (const { address } of [api, ...pages.values()]) await fetch(address);

if (checking) {
  for (const [example, page] of pages) {
    if (!(await run("node", [`examples/${example}/check.mjs`, page.address]))) process.exit(1);
  }
  process.exit(0);
}
console.log("");
for (const [example, page] of pages) console.log(`  The ${example} example: ${page.address}`);
console.log("\n  Ctrl-C stops it.\n");
await Promise.race([api, ...pages.values()].map(({ ended }) => ended));
console.error("A server ended by itself.");
process.exit(1);
