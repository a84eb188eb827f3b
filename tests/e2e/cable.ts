import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A stretch of network between the page and the API that a test can cut and mend. */
export class Cable {
  /** Streams whose reading has been asked for, in order. */
  readonly reads: string[] = [];
  #sockets = new Set<Socket>();
  #whole = true;
  #server = createServer((near) => {
    if (!this.#whole) return near.destroy();
    const far = connect(this.#port);
    for (const socket of [near, far]) this.#hold(socket);
    near.on("data", (chunk) => {
      const [, stream] = /^GET \S*\/streams\/(\S+) HTTP/.exec(chunk.toString("latin1")) ?? [];
      if (stream) this.reads.push(stream);
    });
    near.pipe(far).pipe(near);
  });
  readonly #port: { host: string; port: number };

  private constructor(apiUrl: string) {
    const { hostname, port } = new URL(apiUrl);
    this.#port = { host: hostname, port: Number(port) };
  }

  static async to(apiUrl: string): Promise<Cable> {
    const cable = new Cable(apiUrl);
    cable.#server.listen(0, "127.0.0.1");
    await once(cable.#server, "listening");
    return cable;
  }

  get url() {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection and refuses new ones. */
  cut() {
    this.#whole = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#whole = true;
  }

  async stop() {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #hold(socket: Socket) {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
