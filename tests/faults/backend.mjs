// What the table needs of a development server: runs, tokens of every kind, faults, and exact counts.
import { createHmac } from "node:crypto";
import { serveApi } from "../../.ci/processes.mjs";
import { readEvents, recordsOf } from "../contract/events.mjs";

const secret = "tr_dev_faults";
const authorization = `Bearer ${secret}`;

/**
 * A preflight's connection ends with it, so that the send behind it has one of its own. Otherwise it depends on the moment whether
 * Chromium takes the used one, and on that whether it posts again by itself when the connection is reset.
 */
export const closingPreflights = {
  match: { method: "OPTIONS" },
  fault: {
    kind: "answer",
    status: 200,
    headers: {
      connection: "close",
      "access-control-allow-methods": "GET,POST",
      "access-control-allow-headers":
        "authorization,content-type,last-event-id,timeout-seconds,x-trigger-request-idempotency-key",
      "access-control-max-age": "300",
    },
  },
};

export class Backend {
  static async start(...flags) {
    const { address, stop } = await serveApi(0, { TIDEGATE_SECRET_KEY: secret }, ["--faults", ...flags]);
    const backend = new Backend();
    Object.assign(backend, { address, stop, port: new URL(address).port });
    const { sub } = await backend.#ask("/api/v1/auth/jwt/claims", "POST", {});
    backend.environment = sub;
    return backend;
  }

  /** A run that nothing executes. */
  async startRun() {
    return (await this.#ask("/api/v1/tasks/nobody-has-this-task/trigger", "POST", { payload: {} })).id;
  }

  finishRun(runId) {
    return this.#ask(`/api/v2/runs/${runId}/cancel`, "POST", {});
  }

  setFaults(rules) {
    return this.#ask("/dev/faults", "PUT", rules);
  }

  /** How often a stream was posted to, answered or not. */
  async posts(runId, streamId) {
    const { requests, forgotten } = await this.#ask(`/dev/requests?path=${inputPath(runId, streamId)}`, "GET");
    if (forgotten > 0) throw new Error("The log of requests overflowed: counts are no longer exact.");
    return requests.filter(({ method }) => method === "POST").length;
  }

  /** What is in the log of an input stream now. */
  async records(runId, streamId) {
    const response = await fetch(this.address + inputPath(runId, streamId), { headers: { authorization } });
    if (!response.ok) return [];
    let text = "";
    // The first ping says that the reader has caught up.
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (/^event: ping\n.*\n\n/m.test(text)) break;
    }
    const batches = readEvents(text).filter(({ kind }) => kind === "batch");
    return batches.flatMap(recordsOf).map(({ data }) => JSON.parse(data));
  }

  /** A token for sends to one run, valid for an hour unless `claims` say otherwise, and signed unless `key` is wrong. */
  sign(runId, claims = {}, key = secret) {
    const now = Math.floor(Date.now() / 1000);
    const payload = {
      sub: this.environment,
      pub: true,
      scopes: [`write:inputStreams:${runId}`],
      iss: "https://id.trigger.dev",
      aud: "https://api.trigger.dev",
      iat: now,
      exp: now + 3600,
      ...claims,
    };
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ alg: "HS256" })}.${part(payload)}`;
    return `${text}.${createHmac("sha256", key).update(text).digest("base64url")}`;
  }

  async #ask(path, method, body) {
    const headers = { authorization, "content-type": "application/json" };
    const response = await fetch(this.address + path, { method, headers, body: body && JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }
}

export const inputPath = (runId, streamId) => `/realtime/v1/streams/${runId}/input/${streamId}`;
