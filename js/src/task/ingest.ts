import { attempt, isMiss } from "../server/attempt.js";
import { Patience } from "../server/patience.js";
import { ENDURANCE, type Line, type Sink, type WrittenStream } from "./sink.js";

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
    const { identity, url, headers: shared } = this.#stream;
    const patience = new Patience(identity, { ...ENDURANCE, signal });
    const own = { ...shared, "x-client-id": this.#client };
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
      if (!isMiss(answer)) break;
      // A 500 is what a server says that has kept a part of them.
      doubtful ||= answer.doubtful;
      await patience.next(answer, doubtful ? "unknown" : "rejected");
      while (doubtful) {
        const asked = await attempt({ url, method: "HEAD", headers: own, signal });
        const last = isMiss(asked) ? "" : asked.headers.get("x-last-chunk-index");
        if (last && Number.isSafeInteger(Number(last))) {
          from = Math.min(Math.max(from, Number(last) + 1), end);
          break;
        }
        await patience.next(isMiss(asked) ? asked : answer, "unknown");
      }
    }
    this.#next = end;
  }
}
