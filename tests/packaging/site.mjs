// Servers for built applications: a folder of files, or something that has a server of its own, under a policy.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request as ask, createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

async function sendFile(folder, path, response) {
  const file = join(folder, normalize(path === "/" ? "/index.html" : path));
  const body = await readFile(file).catch(() => undefined);
  response.writeHead(body ? 200 : 404, { "content-type": types[extname(file)] ?? "application/octet-stream" });
  response.end(body);
}

/** Passes requests on, and answers with the policy instead of the other's own. */
function pass(origin, request, response) {
  const passed = ask(`${origin}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
    for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
    response.writeHead(answer.statusCode);
    answer.pipe(response);
  });
  passed.once("error", () => response.destroy());
  request.pipe(passed);
}

/** Serves `what`, a folder or the origin of another server; `policy` may be changed between pages. `told` is called for each request. */
export async function openSite(what, told) {
  const site = { policy: "", address: "", close: () => server.close() };
  const server = createServer((request, response) => {
    told?.();
    response.setHeader("content-security-policy", site.policy);
    if (what.startsWith("http")) pass(what, request, response);
    else sendFile(what, new URL(request.url, "http://site").pathname, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  site.address = `http://127.0.0.1:${server.address().port}`;
  return site;
}
