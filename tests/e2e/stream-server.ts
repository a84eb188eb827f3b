import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { bundlePage } from "./bundle-page.ts";

/** The parts of the stream `flood`: all there from the start, and as much of them on its way as the reader lets in. */
export const flood = Array.from({ length: 3200 }, (_, n) => "x".repeat(2 ** 16 + n));

/** Serves `pages/stream.tsx` as a bundler would ship it, and streams that a test writes while the page reads. */
export class StreamServer {
  readonly #logs = new Map<string, string[]>();
  readonly #open = new Set<{ key: string; next: number; response: ServerResponse }>();
  readonly #server: Server;
  /** One entry for each request for a stream: what it asked to go on behind. */
  readonly asked: (string | undefined)[] = [];
  /** How many parts of `flood` have left. */
  flooded = 0;

  private constructor(script: string) {
    this.#server = createServer((request, response) => {
      const key = /^\/realtime\/v1\/streams\/run_1\/(.+)/.exec(request.url ?? "")?.[1];
      if (request.url === "/page.js") return response.setHeader("content-type", "text/javascript").end(script);
      if (request.url === "/") {
        return response
          .setHeader("content-type", "text/html")
          .end('<body><script type="module" src="/page.js"></script>');
      }
      if (!key) return response.writeHead(404).end();
      const last = request.headers["last-event-id"] as string | undefined;
      this.asked.push(last);
      response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
      response.write(": ping\n\n");
      const reader = { key, next: last === undefined ? 0 : Number(last) + 1, response };
      if (key === "flood") return this.#flood(response);
      this.#open.add(reader);
      response.on("close", () => this.#open.delete(reader));
      return this.#feed(reader);
    });
  }

  static async start(): Promise<StreamServer> {
    const server = new StreamServer(await bundlePage("stream"));
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections read a stream now. */
  get readers(): number {
    return this.#open.size;
  }

  write(key: string, parts: string[]): void {
    const log = this.#logs.get(key) ?? [];
    this.#logs.set(key, log);
    log.push(...parts);
    for (const reader of this.#open) if (reader.key === key) this.#feed(reader);
  }

  /** Writes so many numbered parts a second, and resolves with all of them. */
  async writeNumbers(key: string, count: number, aSecond: number): Promise<string> {
    const began = performance.now();
    const numbers = Array.from({ length: count }, (_, n) => `${n} `);
    for (let n = 0; n < count; ) {
      const due = Math.min(count, Math.floor(((performance.now() - began) / 1000) * aSecond));
      if (due > n) this.write(key, numbers.slice(n, due));
      n = Math.max(n, due);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return numbers.join("");
  }

  /** Says to every reader that it is still there. */
  ping(): void {
    for (const { response } of this.#open) response.write(": ping\n\n");
  }

  /** Breaks every connection that reads. */
  cut(): void {
    for (const { response } of this.#open) response.destroy();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #flood(response: ServerResponse): void {
    while (this.flooded < flood.length) {
      const n = this.flooded++;
      const record = { seq_num: n, timestamp: 1, body: JSON.stringify({ data: flood[n] }) };
      if (!response.write(`event: batch\ndata: ${JSON.stringify({ records: [record] })}\n\n`)) {
        response.once("drain", () => this.#flood(response));
        return;
      }
    }
  }

  #feed(reader: { key: string; next: number; response: ServerResponse }): void {
    const fresh = (this.#logs.get(reader.key) ?? []).slice(reader.next);
    if (fresh.length === 0) return;
    const records = fresh.map((data, n) => ({
      seq_num: reader.next + n,
      timestamp: 1,
      body: JSON.stringify({ data, id: `part${reader.next + n}` }),
    }));
    reader.next += fresh.length;
    reader.response.write(`event: batch\ndata: ${JSON.stringify({ records })}\n\n`);
  }
}
