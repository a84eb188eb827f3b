import type { IncomingMessage, ServerResponse } from "node:http";
import { startServer } from "./tiny-server.js";

/** A log that is read live, over as many connections as there are, each behind its `Last-Event-ID`. */
export class LiveLog {
  readonly records: { data?: unknown; headers?: [string, string][] }[] = [];
  readonly connections = new Set<{ response: ServerResponse; next: number }>();
  /** `Last-Event-ID` of every connection there has been. */
  readonly openedBehind: (string | undefined)[] = [];
  #changed: (() => void)[] = [];

  open(headers: IncomingMessage["headers"], response: ServerResponse): void {
    const last = headers["last-event-id"] as string | undefined;
    this.openedBehind.push(last);
    response.writeHead(200, { "content-type": "text/event-stream", "x-stream-version": "v2" });
    response.write(": hello\n\n");
    const connection = { response, next: last === undefined ? 0 : Number(last) + 1 };
    this.connections.add(connection);
    response.on("close", () => {
      this.connections.delete(connection);
      this.#tell();
    });
    this.#tell();
    this.#flush();
  }

  /** A send: its data as the server stores them, as a text of JSON. */
  send(...values: unknown[]): void {
    for (const value of values) this.records.push(value === undefined ? {} : { data: JSON.stringify(value) });
    this.#flush();
  }

  /** A record that is nobody's part. */
  control(): void {
    this.records.push({ headers: [["trigger-control", "turn-complete"]] });
    this.#flush();
  }

  /** Ends every connection, as a server does whose window is over. */
  cut(how: "end" | "destroy" = "end"): void {
    for (const { response } of this.connections) response[how]();
    this.connections.clear();
  }

  /** Resolves when there are so many connections. */
  async connected(count: number): Promise<void> {
    while (this.connections.size !== count) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }

  #flush(): void {
    for (const connection of this.connections) {
      const records = this.records.slice(connection.next).map(({ data, headers }, index) => ({
        seq_num: connection.next + index,
        timestamp: 1_790_000_000_000,
        ...(headers ? { headers, body: "" } : { body: JSON.stringify({ data, id: `inp_${connection.next + index}` }) }),
      }));
      if (records.length === 0) continue;
      connection.next = this.records.length;
      connection.response.write(`event: batch\nid: 0,1,71\ndata: ${JSON.stringify({ records })}\n\n`);
    }
  }
}

/** A server of input streams, by their ids. */
export async function startInputServer() {
  const logs = new Map<string, LiveLog>();
  const log = (id: string) => {
    if (!logs.has(id)) logs.set(id, new LiveLog());
    return logs.get(id) as LiveLog;
  };
  const refusals: number[] = [];
  const server = await startServer(({ path, headers }, response) => {
    const [, id] = /\/realtime\/v1\/streams\/run_1\/input\/([^/?]+)$/.exec(path) ?? [];
    const refusal = id && refusals.shift();
    if (refusal) response.writeHead(refusal, { "content-type": "application/json" }).end('{"error":"No"}');
    else if (id) log(id).open(headers, response);
    else if (path.startsWith("/api/v3/runs/")) {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end('{"id":"run_1","status":"EXECUTING","isCompleted":false}');
    } else response.writeHead(404).end();
  });
  return { ...server, log, refusals };
}
