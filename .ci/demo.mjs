// The development server and the example pages on one machine, until Ctrl-C.
//   node .ci/demo.mjs [--check]     --check drives the pages in headless Chromium and ends
import { binary, freePort, root, run, serve, serveApi } from "./processes.mjs";

const examples = ["approval", "progress", "chat"];
const checking = process.argv.includes("--check");
const secret = process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate";

// Stopping it is the way to end it, not a failure.
process.prependListener("SIGINT", () => process.exit(0));

async function build(example, env) {
  if (!(await run("npm", ["run", "--silent", "build", `--workspace=examples/${example}`], env))) process.exit(1);
}

await build("console");
const api = await serveApi(await freePort(3030, "the development server"), { TIDEGATE_SECRET_KEY: secret });
const env = { TIDEGATE_URL: api.address, TIDEGATE_SECRET_KEY: secret };

async function start(example, firstPort) {
  await build(example, env);
  const options = ["--host=127.0.0.1", `--port=${await freePort(firstPort, "the page")}`, "--strictPort"];
  return serve(binary("vite"), ["preview", `${root}/examples/${example}`, ...options], env);
}

const pages = new Map();
for (const [index, example] of examples.entries()) pages.set(example, await start(example, 4173 + index));
const worker = await serve("node", [`${root}/examples/chat/dist/worker.mjs`], env);
for (const { address } of [api, ...pages.values()]) await fetch(address);
pages.set("console", { ...api, address: `${api.address}/console` });

if (checking) {
  for (const [example, page] of pages) {
    if (!(await run("node", [`examples/${example}/check.mjs`, page.address]))) process.exit(1);
  }
  process.exit(0);
}
console.log("");
for (const example of examples) console.log(`  The ${example} example: ${pages.get(example).address}`);
console.log(`  The server's console: ${pages.get("console").address}`);
console.log("\n  Ctrl-C stops it.\n");
await Promise.race([worker, ...pages.values()].map(({ ended }) => ended));
console.error("A server ended by itself.");
process.exit(1);
