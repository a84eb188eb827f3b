import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { bundlePage } from "./bundle-page.ts";
import type { Started } from "./processes.ts";

/** Serves `pages/crowd.tsx`. */
export async function startCrowdSite(): Promise<Started> {
  const files: Record<string, [type: string, body: string]> = {
    "/": ["text/html", '<link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>'],
    "/page.js": ["text/javascript", await bundlePage("crowd")],
  };
  const server = createServer(({ url = "" }, response) => {
    const [type, body] = files[url] ?? ["text/plain", "There is nothing here."];
    response.writeHead(files[url] ? 200 : 404, { "content-type": type }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}
