// The application's own server, and the worker: what the tests do with the secret key.
import { inject } from "vitest";

export const secretKey = "tr_dev_tidegate";

export interface Triggered {
  id: string;
  token: string;
}

/** What a worker says of a run. Statuses are those of the database; texts are JSON. */
export interface WorkerReport {
  status?: string;
  output?: unknown;
  metadata?: unknown;
  error?: object;
  tags?: string[];
  streams?: string[];
}

let count = 0;
/** A name that no other test uses. */
export const unique = (name: string) => `${name}-${inject("side")}-${process.pid}-${++count}`;

export class Backend {
  constructor(readonly baseURL: string) {}

  async ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const response = await fetch(this.baseURL + path, {
      method,
      headers: { authorization: `Bearer ${secretKey}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  /** A run that no worker of the server executes: the test is the worker. */
  async trigger(payload: unknown = {}, options: object = {}, task = "desk"): Promise<Triggered> {
    const response = await this.ask("POST", `/api/v1/tasks/${task}/trigger`, { payload, options });
    const { id } = await response.json();
    return { id, token: response.headers.get("x-trigger-jwt") as string };
  }

  async report(run: string, { output, metadata, ...report }: WorkerReport): Promise<void> {
    await this.ask("PUT", `/dev/runs/${run}`, {
      ...report,
      ...(output === undefined ? {} : { output: JSON.stringify(output), outputType: "application/json" }),
      ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata), metadataType: "application/json" }),
    });
  }

  /** A token for a page. */
  token(...scopes: string[]): Promise<string> {
    return this.tokenFor("1h", ...scopes);
  }

  /** One that ends after so long. */
  async tokenFor(expirationTime: string, ...scopes: string[]): Promise<string> {
    const response = await this.ask("POST", "/api/v1/auth/public-tokens", { scopes, expirationTime });
    return (await response.json()).token;
  }

  /** The first that was sent into an input stream. */
  async firstInput(run: string, stream: string): Promise<unknown> {
    const { body } = await this.ask("GET", `/realtime/v1/streams/${run}/input/${stream}`);
    const reader = (body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    for (let text = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`Nothing has come into ${stream} of ${run}:\n${text}`);
      text += decoder.decode(value, { stream: true });
      const batch = /^data: (.*"records".*)$/m.exec(text)?.[1];
      if (!batch) continue;
      void reader.cancel();
      return JSON.parse(JSON.parse(JSON.parse(batch).records[0].body).data);
    }
  }

  /** Writes parts of an output stream. */
  async write(run: string, key: string, ...parts: unknown[]): Promise<void> {
    const lines = parts.map((part) => `${JSON.stringify(part)}\n`).join("");
    await this.ask("POST", `/realtime/v1/streams/${run}/self/${key}`, lines, { "x-client-id": unique("writer") });
  }

  /** What has been asked of a path. */
  async requests(path: string): Promise<{ method: string; path: string; status: number }[]> {
    return (await (await this.ask("GET", `/dev/requests?path=${path}`)).json()).requests;
  }

  async faults(...rules: object[]): Promise<void> {
    await this.ask("PUT", "/dev/faults", rules);
  }

  /** How often each of them has been used. */
  async faultCounts(): Promise<number[]> {
    const rules: { count: number }[] = await (await this.ask("GET", "/dev/faults")).json();
    return rules.map(({ count }) => count);
  }
}

export const backend = new Backend(inject("native"));
