import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server on a port of its own that answers as a test says and remembers what it was asked. */
export async function startServer(answer: (request: Request, response: ServerResponse) => void) {
  const requests: Request[] = [];
  const server = createServer(async (incoming, response) => {
    let body = "";
    for await (const chunk of incoming) body += chunk;
    const request = { method: incoming.method ?? "", path: incoming.url ?? "", headers: incoming.headers, body };
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, stop };
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}

/** One `batch` event of a v2 stream; the records are numbered from `first`. */
export function batch(first: number, parts: unknown[]): string {
  const records = parts.map((data, n) => ({
    seq_num: first + n,
    timestamp: 1_790_000_000_000,
    body: JSON.stringify({ data, id: `part${first + n}` }),
  }));
  return `event: batch\nid: ${first},1,71\ndata: ${JSON.stringify({ records })}\n\n`;
}
