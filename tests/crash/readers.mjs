// Readers that go on with their cursors when the server is back.
import { Lost } from "./api.mjs";

/** What a record holds, whether it was sent to an input or appended to an output. */
const dataOf = (record) => {
  const { data } = JSON.parse(record.body);
  return typeof data === "string" ? JSON.parse(data) : data;
};

/** Reads one stream for as long as the server lives, and behind the last record when there is another. */
export class StreamReader {
  records = [];
  #path;

  constructor(path) {
    this.#path = path;
  }

  async follow(api) {
    try {
      for await (const { records } of api.events(this.#path, this.records.at(-1)?.seq_num))
        this.records.push(...records);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }

  /** Everything up to the end as it is now. */
  async catchUp(api) {
    for await (const { kind, records } of api.events(this.#path, this.records.at(-1)?.seq_num)) {
      if (kind === "ping") return;
      this.records.push(...records);
    }
  }

  get data() {
    return this.records.map(dataOf);
  }
}

/** Follows a feed of runs: the rows as they were last seen, by id. */
export class FeedReader {
  rows = new Map();
  #path;
  #place;

  constructor(path) {
    this.#path = path;
  }

  /** One request. Resolves to whether anything came. */
  async poll(api) {
    const place = this.#place ? { ...this.#place, live: "true" } : { offset: "-1" };
    const separator = this.#path.includes("?") ? "&" : "?";
    const path = this.#path + separator + new URLSearchParams(place);
    const { status, headers, body } = await api.ask("GET", path);
    if (status !== 200) throw new Error(`GET ${path} was answered ${status}: ${JSON.stringify(body)}`);
    this.#place = { handle: headers.get("electric-shape-id"), offset: headers.get("electric-chunk-last-offset") };
    const rows = body.filter((message) => message.key);
    for (const { key, value } of rows) this.rows.set(key, { ...this.rows.get(key), ...value });
    return rows.length > 0;
  }

  async follow(api) {
    try {
      for (;;) await this.poll(api);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
    }
  }

  async catchUp(api) {
    while (await this.poll(api));
  }
}
