// Requests over one connection that is kept, one behind the other, with as little work for the client as there can be: what is measured
// is the server.
import { once } from "node:events";
import { connect } from "node:net";

export class Connection {
  #socket;
  #head;
  #text = "";
  #answered;

  static async open(address, secret) {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    await once(socket, "connect");
    return new Connection(socket, `host: ${hostname}\r\nauthorization: Bearer ${secret}\r\n`);
  }

  constructor(socket, head) {
    this.#socket = socket;
    this.#head = head;
    socket.setEncoding("utf8").on("data", (chunk) => {
      this.#text += chunk;
      this.#look();
    });
    socket.on("close", () => this.#answered?.reject(new Error("the server has closed a connection")));
    socket.on("error", (error) => this.#answered?.reject(error));
  }

  /** The body of the answer, which must be a success. */
  async ask(method, path, body, headers = "") {
    const text = body === undefined ? "" : JSON.stringify(body);
    const sized = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
    const answered = new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
    });
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${this.#head}${sized}${headers}\r\n${text}`);
    const answer = await answered;
    if (answer.status >= 300) throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.body}`);
    return answer.body && JSON.parse(answer.body);
  }

  close() {
    this.#answered = undefined;
    this.#socket.destroy();
  }

  #look() {
    const end = this.#text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#text.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const rest = this.#text.slice(end + 4);
    // The texts of this load are ASCII, so characters are bytes.
    if (rest.length < length) return;
    this.#text = rest.slice(length);
    this.#answered.resolve({ status: Number(head.slice(9, 12)), body: rest.slice(0, length) });
  }
}

/** Does `each(connection, n)` for all n below `count`, over so many connections at once. Resolves to the milliseconds that it took. */
export async function spread(address, secret, { connections, count }, each) {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(address, secret)));
  let next = 0;
  const began = performance.now();
  const work = open.map(async (connection) => {
    while (next < count) await each(connection, next++);
  });
  await Promise.all(work).finally(() => {
    for (const connection of open) connection.close();
  });
  return performance.now() - began;
}
