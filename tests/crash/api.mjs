// Requests to a server that may be gone at any moment.

/** No answer came: what was asked for may have been done, or not. */
export class Lost extends Error {}

export class Api {
  #url;
  #key;

  constructor(url, key) {
    this.#url = url;
    this.#key = key;
  }

  async #fetch(method, path, { body, headers, token } = {}) {
    const init = {
      method,
      headers: { authorization: `Bearer ${token ?? this.#key}`, "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    };
    return await fetch(this.#url + path, init).catch(lost);
  }

  /** The answer, whatever its status. `body` is JSON unless it is a text. */
  async ask(method, path, options) {
    const response = await this.#fetch(method, path, options);
    const text = await response.text().catch(lost);
    return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
  }

  /** The body of an answer that must be a success. */
  async get(method, path, options) {
    const { status, body } = await this.ask(method, path, options);
    if (status >= 300) throw new Error(`${method} ${path} was answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** The events of a stream behind a sequence number, each `{ kind, records }`. */
  async *events(path, after) {
    const headers = after === undefined ? {} : { "last-event-id": String(after) };
    const response = await this.#fetch("GET", path, { headers });
    if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}`);
    let rest = "";
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read().catch(lost);
        if (done) return;
        const events = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = events.pop();
        for (const event of events) {
          const field = (name) => event.match(new RegExp(`^${name}: (.*)$`, "m"))?.[1];
          const records = field("event") === "batch" ? JSON.parse(field("data")).records : [];
          yield { kind: field("event"), records };
        }
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }
}

function lost(cause) {
  throw new Lost("no answer", { cause });
}
