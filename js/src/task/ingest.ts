import type { Line, Sink, WrittenStream } from "./output-log.js";
import { attempt, headersOf, isHit, type Miss, Patience } from "./wire.js";

/**
 * Lines of JSON, posted to the API a batch at a time. The lines of one writer are counted, so that after a cut it can be asked which
 * of them have arrived.
 */
export class IngestSink implements Sink {
  readonly intervalMs = 0;
  readonly #stream: WrittenStream;
  readonly #version: string;
  readonly #client = crypto.randomUUID().slice(0, 8);
  #next = 0;

  constructor(stream: WrittenStream, version: string) {
    this.#stream = stream;
    this.#version = version;
  }

  async write(lines: readonly Line[], signal: AbortSignal): Promise<undefined> {
    const { identity, url } = this.#stream;
    const patience = new Patience(identity, signal);
    const own = { ...headersOf(identity), "x-client-id": this.#client };
    const end = this.#next + lines.length;
    let [from, doubtful] = [this.#next, false];
    while (from < end) {
      const body = lines.slice(from - end).map(({ json }) => `${json}\n`);
      const headers = {
        ...own,
        "content-type": "application/json",
        "x-resume-from-chunk": String(from),
        "x-stream-version": this.#version,
      };
      const answer = await attempt({ url, method: "POST", headers, body: body.join(""), signal });
      if (isHit(answer)) break;
      let miss = answer;
      // A 500 is what a server says that has kept a part of them.
      doubtful ||= miss.doubtful;
      await patience.next(miss, doubtful);
      for (;;) {
        const asked = await attempt({ url, method: "HEAD", headers: own, signal });
        const last = isHit(asked) ? Number.parseInt(asked.headers.get("x-last-chunk-index") ?? "", 10) : Number.NaN;
        if (Number.isSafeInteger(last)) {
          from = Math.min(Math.max(from, last + 1), end);
          break;
        }
        miss = isHit(asked) ? miss : (asked as Miss);
        await patience.next(miss, true);
      }
    }
    this.#next = end;
  }
}
