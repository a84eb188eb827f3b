import { EventEmitter, once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

interface Passage {
  opened: number;
  closed: number;
}

/** Stands before the API, over HTTP/1.1 as a browser without TLS speaks it, and counts the stream connections that pass. */
export class Turnstile {
  readonly #passages: Passage[] = [];
  readonly #passed = new EventEmitter();
  readonly #apiUrl: string;
  readonly #server = createServer((asked, answer) => {
    const { method = "GET", url = "/", headers } = asked;
    if (method === "GET" && url.startsWith("/realtime/v1/streams/")) {
      const passage = { opened: performance.now(), closed: Number.POSITIVE_INFINITY };
      this.#passages.push(passage);
      this.#passed.emit("stream");
      answer.on("close", () => {
        passage.closed = performance.now();
      });
    }
    const onward = request(this.#apiUrl + url, { method, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.on("error", () => answer.destroy());
      answered.pipe(answer);
    });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => onward.destroy());
    asked.pipe(onward);
  });

  private constructor(apiUrl: string) {
    this.#apiUrl = apiUrl;
  }

  static async before(apiUrl: string): Promise<Turnstile> {
    const turnstile = new Turnstile(apiUrl);
    turnstile.#server.listen(0, "127.0.0.1");
    await once(turnstile.#server, "listening");
    return turnstile;
  }

  get url() {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many streams are open now. */
  get open() {
    return this.#passages.filter(({ closed }) => closed === Number.POSITIVE_INFINITY).length;
  }

  /** The most streams that were open at once, as a server sees it. */
  get fullest() {
    const beside = ({ opened: now }: Passage) =>
      this.#passages.filter(({ opened, closed }) => opened <= now && closed > now).length;
    return Math.max(0, ...this.#passages.map(beside));
  }

  /** Counts from here on. */
  forget() {
    this.#passages.length = 0;
  }

  /** Resolves when the next stream is asked for. */
  async nextStream() {
    await once(this.#passed, "stream");
  }

  async stop() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}
