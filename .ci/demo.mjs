// The development server and the approval example on one machine, until Ctrl-C.
//   node .ci/demo.mjs [--check]     --check drives the page in headless Chromium and ends
import { binary, freePort, root, run, serve, serveApi } from "./processes.mjs";

const checking = process.argv.includes("--check");
const secret = process.env.TIDEGATE_SECRET_KEY ?? "tr_dev_tidegate";

// Stopping it is the way to end it, not a failure.
process.prependListener("SIGINT", () => process.exit(0));

async function start() {
  const api = await serveApi(await freePort(3030, "the development server"), { TIDEGATE_SECRET_KEY: secret });
  const env = { TIDEGATE_URL: api.address, TIDEGATE_SECRET_KEY: secret };
  if (!(await run("npm", ["run", "--silent", "build", "--workspace=examples/approval"], env))) process.exit(1);
  const port = await freePort(4173, "the page");
  const options = ["--host=127.0.0.1", `--port=${port}`, "--strictPort"];
  const page = await serve(binary("vite"), ["preview", `${root}/examples/approval`, ...options], env);
  for (const { address } of [api, page]) await fetch(address);
  return { api, page };
}

const { api, page } = await start();
if (checking) process.exit((await run("node", ["examples/approval/check.mjs", page.address])) ? 0 : 1);
console.log(`\n  The approval example: ${page.address}\n\n  Ctrl-C stops it.\n`);
await Promise.race([api.ended, page.ended]);
console.error("A server ended by itself.");
process.exit(1);
